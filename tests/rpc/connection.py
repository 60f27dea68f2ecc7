"""The client's end of a peer in this process, over memory instead of descriptors.

Owns sending lines and waiting for messages. Everything behind it is the real thing:
outbox, peer, methods. ``tests/protocol/client`` knows ACP on top of it.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel

from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.peer import Method, Notified, Peer
from acp_agent.rpc.stdio import Line

Json = Any
Message = dict[str, Json]

LIMIT = 20.0
"""Seconds after which a test that waits for a message fails."""


class Connection:
    """The client's end.

    ``seen`` holds all messages of the agent's in order. The writer waits while ``reading``
    is not set; ``writing`` is set when it has something to write.
    """

    def __init__(self) -> None:
        self.seen: list[Message] = []
        self.faults: list[Exception] = []
        self.reading = threading.Event()
        self.reading.set()
        self.writing = threading.Event()
        self.gone = False
        self.ended = anyio.Event()
        self.peer: Peer
        self._changed = anyio.Event()
        self._loop = asyncio.get_running_loop()
        self._lines, self.batches = anyio.create_memory_object_stream[list[Line]](1000)

    def write(self, data: bytes) -> None:
        """The agent's blocking write."""
        self.writing.set()
        if not self.reading.wait(LIMIT) or self.gone:
            raise BrokenPipeError
        self._loop.call_soon_threadsafe(self._take, data)

    def _take(self, data: bytes) -> None:
        try:
            *lines, rest = data.split(b"\n")
            assert not rest
            for line in lines:
                message = json.loads(line)
                self.check(message)
                self.seen.append(message)
        except Exception as fault:
            self.faults.append(fault)
        self._changed.set()
        self._changed = anyio.Event()

    def check(self, message: Message) -> None:
        """Looks at each message of the agent's; what it raises fails the test."""
        assert message["jsonrpc"] == "2.0"

    def post(self, *messages: Message | Line) -> None:
        """Sends ``messages`` in one write; lines go as they are."""
        self._lines.send_nowait(
            [json.dumps(m).encode() if isinstance(m, dict) else m for m in messages]
        )

    def notify(self, method: str, params: Json) -> None:
        """Sends a notification."""
        self.post({"jsonrpc": "2.0", "method": method, "params": params})

    def close(self) -> None:
        """Ends the agent's input."""
        self._lines.close()

    async def until(self, found: Callable[[Message], bool]) -> Message:
        """The first message, seen already or to come, of which ``found`` is true."""
        with anyio.fail_after(LIMIT):
            while True:
                if self.faults:
                    raise self.faults[0]
                for message in self.seen:
                    if found(message):
                        return message
                await self._changed.wait()

    async def answer(self, identifier: Json) -> Message:
        """The response with the id ``identifier``."""
        return await self.until(lambda m: "method" not in m and m["id"] == identifier)

    async def asked(self, method: str) -> Message:
        """The agent's first request or notification of ``method``."""
        return await self.until(lambda m: m.get("method") == method)

    async def serve(self) -> None:
        """Runs the peer to its end."""
        await self.peer.run(self.batches)
        self.ended.set()


@asynccontextmanager
async def joined(connection: Connection, outbox: Outbox, peer: Peer) -> AsyncGenerator[None]:
    """Runs ``peer`` with ``connection`` as its client; at the end the peer has ended."""
    connection.peer = peer
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connection.serve)
            await anyio.lowlevel.checkpoint()
            yield
            connection.reading.set()
            connection.close()
        assert not connection.faults
    finally:
        connection.gone = not connection.ended.is_set()
        connection.reading.set()
        connection.close()
        connection.batches.close()
        await outbox.close(LIMIT)


@asynccontextmanager
async def connected(
    methods: Mapping[str, Method], notifications: Mapping[str, Notified] | None = None
) -> AsyncGenerator[Connection]:
    """A connection to a peer with ``methods``."""
    connection = Connection()
    outbox = Outbox(connection.write)
    peer = Peer(outbox, methods, notifications or {})
    async with joined(connection, outbox, peer):
        yield connection


def request(identifier: Json, method: str, params: Json = None) -> Message:
    """A request."""
    body: Message = {"jsonrpc": "2.0", "id": identifier, "method": method}
    return body if params is None else {**body, "params": params}


def cancel_request(identifier: Json) -> Message:
    """The notification that withdraws a request."""
    params = {"requestId": identifier}
    return {"jsonrpc": "2.0", "method": "$/cancel_request", "params": params}
