"""A server as a process of ours, on POSIX.

Owns the process from start to end: its pipes, its stderr (to our log), and that nothing of
its process group is left. Implements the library's ``Transport``: the library's own leaves
what a server has started when the server itself ends in time, and takes lines of any length.
Source: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
"""

import contextlib
import logging
import os
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from acp_agent.tools.mcp.configured import StdioServer

MESSAGE_LIMIT = 32 * 1024 * 1024
"""Bytes of one message; the connection ends at a longer one."""
QUEUED = 64
"""Messages that wait to be written while the server does not read."""
EXIT_SECONDS = 1.0
"""That a server has to end by itself after its input was closed."""
TERM_SECONDS = 1.0
"""That it has between SIGTERM and SIGKILL."""

_LINE_LIMIT = 2000
_LINES_LIMIT = 500
_INHERITED = (
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
)
"""Beside the library's short list: language, temporary folder, and the way to the network."""

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]
_Deliver = MemoryObjectSendStream[SessionMessage | Exception]
_ToWrite = MemoryObjectReceiveStream[SessionMessage]

_log = logging.getLogger(__name__)


class ProcessTransport:
    """Starts ``server`` in ``directory``; entered and left in one task.

    Raises:
        OSError: it cannot be started.
        ValueError: its command, arguments or environment hold a NUL.
    """

    def __init__(self, server: StdioServer, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._stack = AsyncExitStack()
        self._process: Process

    async def __aenter__(self) -> tuple[Incoming, Outgoing]:
        process = self._process = await anyio.open_process(
            [self._server.command, *self._server.args],
            stderr=subprocess.PIPE,
            env=_environment(self._server),
            cwd=self._directory,
            start_new_session=True,
        )
        # No await until its end is owned.
        assert process.stdout is not None
        assert process.stderr is not None
        deliver, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, to_write = anyio.create_memory_object_stream[SessionMessage](QUEUED)
        tasks = anyio.create_task_group()
        await self._stack.enter_async_context(tasks)
        self._stack.callback(tasks.cancel_scope.cancel)
        for stream in (deliver, incoming, outgoing, to_write):
            self._stack.callback(stream.close)
        self._stack.push_async_callback(self._end)
        tasks.start_soon(self._read, process.stdout, deliver)
        tasks.start_soon(self._write, to_write, deliver)
        tasks.start_soon(self._log_stderr, process.stderr)
        return incoming, outgoing

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def _read(self, stdout: ByteReceiveStream, deliver: _Deliver) -> None:
        """Passes messages on to the end of output, which ends the session."""
        lines = _Lines(stdout, MESSAGE_LIMIT)
        async with deliver:
            while (pieces := await lines.read()) is not None:
                for line in pieces:
                    try:
                        await self._deliver(line, deliver)
                    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                        # Nobody listens any more; it is read all the same, so that the
                        # server does not wait for that instead of ending.
                        continue

    async def _deliver(self, line: bytes, deliver: _Deliver) -> None:
        if len(line) > MESSAGE_LIMIT:
            _log.warning("%s sent a message that is too long", self._server.name)
            deliver.close()
        elif (message := self._parse(line)) is not None:
            await deliver.send(message)

    def _parse(self, line: bytes) -> SessionMessage | None:
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            if line.strip():
                _log.debug("%s wrote a line that is no message", self._server.name)
            return None

    async def _write(self, to_write: _ToWrite, deliver: _Deliver) -> None:
        assert self._process.stdin is not None
        try:
            async for item in to_write:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await self._process.stdin.send(text.encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            deliver.close()

    async def _log_stderr(self, stderr: ByteReceiveStream) -> None:
        lines, count = _Lines(stderr, _LINE_LIMIT), 0
        while (pieces := await lines.read()) is not None:
            for line in filter(bytes.strip, pieces):
                count += 1
                if count <= _LINES_LIMIT:
                    text = line[:_LINE_LIMIT].decode(errors="replace").rstrip()
                    _log.info("%s: %s", self._server.name, text)

    async def _end(self) -> None:
        """Ends the process and all of its group, each step for a bounded time."""
        process = self._process
        assert process.stdin is not None
        with anyio.CancelScope(shield=True):
            with contextlib.suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await process.stdin.aclose()
            with anyio.move_on_after(EXIT_SECONDS):
                await process.wait()
            await terminate_posix_process_tree(process, TERM_SECONDS)
            with anyio.move_on_after(EXIT_SECONDS):
                await process.wait()
        # A process that has left the group may hold the pipes, which keeps asyncio's end open.
        transport = getattr(getattr(process, "_process", None), "_transport", None)
        if transport is not None:
            transport.close()


def _environment(server: StdioServer) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return get_default_environment() | kept | dict(server.env)


class _Lines:
    """The lines of ``stream``; of one longer than ``limit`` little more than that is kept."""

    def __init__(self, stream: ByteReceiveStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._begun = bytearray()

    async def read(self) -> list[bytes] | None:
        """The lines that the next piece of the stream completes; None at its end."""
        try:
            *complete, begun = (await self._stream.receive()).split(b"\n")
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            return None
        lines: list[bytes] = []
        for piece in complete:
            self._begun += piece
            lines.append(bytes(self._begun))
            self._begun.clear()
        if len(self._begun) <= self._limit:
            self._begun += begun
        return lines
