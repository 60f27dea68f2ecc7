"""The way to a server: pipes of a process, or HTTP.

Owns opening it by what the client configured, what HTTP answered, and noticing its end.
Does not own the protocol spoken over it (the library ``mcp``).
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

import httpx2
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from acp_agent.tools.mcp.configured import HttpServer, ServerConfig, SseServer, StdioServer
from acp_agent.tools.mcp.stdio import MESSAGE_LIMIT, ProcessTransport

CONNECT_SECONDS = 30.0
IDLE_SECONDS = 24 * 3600.0
"""That a stream may be silent: the user may think that long between two calls."""


class ServerTransport:
    """Opens the way to ``server``; entered and left in one task.

    ``on_end`` is called when it has ended, from either side. Implements the library's
    ``Transport``. What it raises is of the library below: OSError, ValueError, httpx2's.
    """

    def __init__(self, server: ServerConfig, directory: Path, on_end: Callable[[], None]) -> None:
        self.refused: int | None = None
        """The last HTTP status that was an error."""
        self._server = server
        self._directory = directory
        self._on_end = on_end
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "tuple[WatchedStream, Any]":
        async with AsyncExitStack() as stack:
            read, write = await stack.enter_async_context(await self._open(stack))
            self._stack = stack.pop_all()
        return WatchedStream(read, self._on_end), write

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def _open(self, stack: AsyncExitStack) -> Transport:
        match self._server:
            case HttpServer(url=url, headers=headers):
                client = await stack.enter_async_context(self._http_client(dict(headers)))
                return streamable_http_client(
                    url, http_client=client, max_sse_event_size=MESSAGE_LIMIT
                )
            case SseServer(url=url, headers=headers):
                return sse_client(url, dict(headers), httpx_client_factory=self._http_client)
            case StdioServer() as server if sys.platform == "win32":
                parameters = StdioServerParameters(
                    command=server.command,
                    args=list(server.args),
                    env=dict(server.env),
                    cwd=self._directory,
                )
                return stdio_client(parameters, errlog=cast("TextIO", subprocess.DEVNULL))
            case StdioServer() as server:
                return ProcessTransport(server, self._directory)

    def _http_client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        """A client with our times; ``timeout`` is the library's, which ends idle streams."""
        del timeout
        return httpx2.AsyncClient(
            headers=headers,
            auth=auth,
            timeout=httpx2.Timeout(CONNECT_SECONDS, read=IDLE_SECONDS),
            event_hooks={"response": [self._note_status]},
        )

    async def _note_status(self, response: httpx2.Response) -> None:
        if response.status_code >= 400:
            self.refused = response.status_code


class WatchedStream:
    """``stream``, with ``on_end`` called at its end. Implements the library's ``ReadStream``."""

    def __init__(self, stream: Any, on_end: Callable[[], None]) -> None:
        self._stream = stream
        self._on_end = on_end

    @property
    def last_context(self) -> Any:
        """What the library keeps beside each message."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self._stream.__anext__()
        except BaseException:
            # The end, a failure, or the session was left: it reads no more in any case.
            self._on_end()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self._stream.__aexit__(exc_type, exc_val, exc_tb)
