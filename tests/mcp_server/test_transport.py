"""The server on real pipes: what is no message, a client that does not read, the end."""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from acp_agent.backends.base import TextDelta
from acp_agent.mcp_server.server import build_server
from acp_agent.mcp_server.transport import serve
from acp_agent.routing.generate import NAME
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import LineReader, writer_to
from tests.mcp_server.harness import PATIENCE, Stage

pytestmark = pytest.mark.anyio

_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@dataclass
class PipeClient:
    """A client of lines; ``ended`` is set when the server has ended."""

    to_server: int
    from_server: int
    ended: anyio.Event
    _rest: bytes = b""

    def send(self, line: bytes) -> None:
        os.write(self.to_server, line + b"\n")

    def request(self, method: str, params: dict[str, Any], id: int = 1) -> None:
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        self.send(json.dumps(message).encode())

    async def receive(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            read = partial(os.read, self.from_server, 65536)
            data = await anyio.to_thread.run_sync(read, abandon_on_cancel=True)
            assert data, "the server has closed its output"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    async def initialize(self) -> None:
        self.request("initialize", _INITIALIZE, 0)
        assert (await self.receive())["id"] == 0
        self.send(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    def call(self, prompt: str, id: int = 1) -> None:
        params = {
            "name": NAME,
            "arguments": {"user_prompt": prompt},
            "_meta": {"progressToken": id},
        }
        self.request("tools/call", params, id)


@asynccontextmanager
async def connected(stage: Stage) -> AsyncGenerator[PipeClient]:
    """A client of the server; both pipes are closed when it is left."""

    async def load() -> Any:
        return stage.services()

    server_in, to_server = os.pipe()
    from_server, server_out = os.pipe()
    client = PipeClient(to_server, from_server, anyio.Event())

    async def run() -> None:
        reader, outbox = LineReader(server_in), Outbox(writer_to(server_out))
        await serve(build_server(load), reader.batches(), outbox)
        client.ended.set()

    try:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                yield client
                for end in (client.to_server, client.from_server):
                    if end >= 0:
                        os.close(end)
                await client.ended.wait()
    finally:
        # It also ends a read that nobody waits for any more.
        os.close(server_out)


async def test_what_is_no_message_is_told_and_the_next_one_is_read() -> None:
    async with connected(Stage()) as client:
        await client.initialize()
        for line, code in ((b"{", -32700), (b"[]", -32600), (b'{"id": 5}', -32600)):
            client.send(line)
            answer = await client.receive()
            assert (answer["id"], answer["error"]["code"]) == (None, code)
        client.call("Hello.")
        while (answer := await client.receive()).get("id") != 1:
            assert answer["method"] == "notifications/progress"
        assert answer["result"]["structuredContent"]["text"] == "ok"


async def test_half_an_emoji_does_not_lose_the_call() -> None:
    stage = Stage()
    async with connected(stage) as client:
        await client.initialize()
        client.send(
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": '
            b'"gptoss.generate", "arguments": {"user_prompt": "cut \\ud83d"}}}'
        )
        assert not (await client.receive())["result"]["isError"]
    assert stage.own.streams[0].request is not None
    assert stage.own.streams[0].request.prompt == "cut \N{REPLACEMENT CHARACTER}"


async def test_a_cancelled_call_is_not_answered() -> None:
    stage = Stage()
    playing = stage.own.script(TextDelta("Begun"), anyio.Event(), prompt="Long.")
    async with connected(stage) as client:
        await client.initialize()
        client.call("Long.", 7)
        await playing.started.wait()
        cancel = {"method": "notifications/cancelled", "params": {"requestId": 7}}
        client.send(json.dumps({"jsonrpc": "2.0", **cancel}).encode())
        await playing.stopped.wait()
        client.call("Short.", 8)
        ids: set[int] = set()
        while 8 not in ids:
            ids.add((await client.receive()).get("id", -1))
        assert 7 not in ids


async def test_a_client_that_reads_nothing_holds_up_its_own_calls_only_until_it_leaves() -> None:
    stage = Stage()
    playing = stage.own.script(*[TextDelta("x" * 500)] * 20_000, anyio.Event())
    async with connected(stage) as client:
        await client.initialize()
        client.call("Long.")
        await playing.started.wait()
        count = -1
        while count != len(playing.yielded):
            count = len(playing.yielded)
            await anyio.wait_all_tasks_blocked()
        assert count < 20_000
        os.close(client.to_server)
        client.to_server = -1
        await client.ended.wait()
        assert playing.stopped.is_set()
    assert stage.record.outcome.cancelled


async def test_a_client_that_closes_its_reading_end_ends_the_server() -> None:
    stage = Stage()
    playing = stage.own.script(*[TextDelta("x" * 500)] * 20_000, anyio.Event())
    async with connected(stage) as client:
        await client.initialize()
        os.close(client.from_server)
        client.from_server = -1
        client.call("Long.")
        await client.ended.wait()
        assert playing.stopped.is_set()
