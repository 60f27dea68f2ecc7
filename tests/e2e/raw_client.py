"""A client of bare descriptors, for what an SDK would hide: single writes, stalls, bytes.

Owns the descriptors and the lines. POSIX only.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from tests.e2e.agent_process import ROOT, agent_command
from tests.e2e.editor import LIMIT, Json
from tests.protocol.sdk import check_message

_EXIT_SECONDS = 30.0
_READ = 65536


class RawClient:
    """Speaks to an agent on ``read_fd`` and ``write_fd``. It reads only when asked to."""

    def __init__(self, read_fd: int, write_fd: int, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.received: list[Json] = []
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._rest = b""
        self._methods: dict[int, str] = {}

    def request(self, method: str, **params: object) -> Json:
        """A request with an id of its own, not sent yet."""
        number = len(self._methods) + 1
        self._methods[number] = method
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def prompt_request(self, session: str, text: str) -> Json:
        """A ``session/prompt``, not sent yet."""
        block = {"type": "text", "text": text}
        return self.request("session/prompt", sessionId=session, prompt=[block])

    def send(self, *messages: Json) -> None:
        """Puts ``messages`` on the wire in one write."""
        data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
        assert os.write(self._write_fd, data) == len(data)

    async def receive(self) -> Json:
        """The next message."""
        while b"\n" not in self._rest:
            with anyio.fail_after(LIMIT):
                await anyio.wait_readable(self._read_fd)
            data = os.read(self._read_fd, _READ)
            if not data:
                raise EOFError
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: Json = json.loads(line)
        check_message(message, self._methods.get(message.get("id", 0)))
        self.received.append(message)
        return message

    async def response(self, request: Json) -> Json:
        """The response to ``request``, past all that comes before it."""
        while (message := await self.receive()).get("id") != request["id"] or "method" in message:
            pass
        return message

    async def call(self, method: str, **params: object) -> Json:
        """The result of a request."""
        request = self.request(method, **params)
        self.send(request)
        return (await self.response(request))["result"]

    async def open_session(self, mode: str) -> str:
        """The id of a new session in ``mode``, after ``initialize``."""
        await self.call("initialize", protocolVersion=1)
        session = (await self.call("session/new", cwd=str(ROOT), mcpServers=[]))["sessionId"]
        await self.call("session/set_mode", sessionId=session, modeId=mode)
        return session

    async def prompt(self, session: str, text: str) -> str:
        """The answer to a prompt, which must end by itself."""
        request = self.prompt_request(session, text)
        self.send(request)
        start = len(self.received)
        response = await self.response(request)
        assert response["result"]["stopReason"] in ("end_turn", "max_tokens")
        return self.answer(start)

    def answer(self, start: int = 0) -> str:
        """The model's text in what was received from ``start`` on."""
        params = [message.get("params", {}) for message in self.received[start:]]
        updates = [each["update"] for each in params if "update" in each]
        chunks = [each for each in updates if each["sessionUpdate"] == "agent_message_chunk"]
        return "".join(each["content"]["text"] for each in chunks if "_meta" not in each)

    async def close(self) -> int:
        """Ends the agent's input, reads what is left and returns the exit status."""
        os.close(self._write_fd)
        self._write_fd = -1
        try:
            while True:
                await self.receive()
        except EOFError:
            return await anyio.to_thread.run_sync(self.process.wait, _EXIT_SECONDS)

    def release(self) -> None:
        """Ends the agent if it still runs and closes the descriptors."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._read_fd, self._write_fd):
            if descriptor >= 0:
                os.close(descriptor)


@asynccontextmanager
async def raw_client(
    environ: dict[str, str],
    *,
    pipe_size: int | None = None,
    sockets: bool = False,
    stderr: int | None = None,
) -> AsyncGenerator[RawClient, None]:
    """A client of a new agent; leaving closes the input and asserts exit status 0.

    Args:
        pipe_size: bytes that the agent's output pipe holds, where that can be set.
        sockets: whether input and output are socket pairs, as Node makes them.
        stderr: the descriptor that the agent gets as stderr.
    """
    make = _socket_pair if sockets else os.pipe
    agent_in, our_out = make()
    our_in, agent_out = make()
    if pipe_size is not None and sys.platform == "linux":
        import fcntl

        fcntl.fcntl(agent_out, fcntl.F_SETPIPE_SZ, pipe_size)
    client = RawClient(our_in, our_out, _start(agent_in, agent_out, stderr, environ))
    try:
        yield client
        if client.process.poll() is None:
            with anyio.fail_after(_EXIT_SECONDS):
                assert await client.close() == 0
    finally:
        client.release()


def _start(
    stdin: int, stdout: int, stderr: int | None, environ: dict[str, str]
) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        agent_command(), stdin=stdin, stdout=stdout, stderr=stderr, env=environ, cwd=ROOT
    )
    os.close(stdin)
    os.close(stdout)
    return process


def _socket_pair() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()
