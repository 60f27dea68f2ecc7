"""The HTTP server under the routes: uvicorn, made to hold back and to leave at once.

Owns the Unix domain socket, its permissions, and the bounds on what is buffered for a
client that does not read. Does not own routes (``server``) or signals (``process``).
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import anyio
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

SEND_BUFFER = 4096
"""Bytes the kernel may hold for one client; a chunk of a stream takes about 200."""

_BACKLOG = 128
_GRACE = 2
"""Seconds that open answers get to end once the server is told to leave."""


def listen(path: Path) -> socket.socket:
    """A socket listening at ``path``, for this user only (0600).

    The caller holds the engine's lock, so that a file found there is a stale one.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


class Server(uvicorn.Server):
    """uvicorn without its signal handlers and its timer; ``leave`` ends ``serve``."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_BoundedProtocol,
                ws="none",
                interface="asgi3",
                lifespan="off",
                proxy_headers=False,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._left = anyio.Event()

    @property
    def connections(self) -> int:
        """Clients connected now."""
        return len(self.server_state.connections)

    def leave(self) -> None:
        """Ends ``serve``: no new connections, open answers get a moment to end."""
        self._left.set()

    async def left(self) -> None:
        """Returns once ``leave`` was called."""
        await self._left.wait()

    async def main_loop(self) -> None:
        """Waits for ``leave`` instead of looking ten times a second."""
        await self._left.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals to ``process``."""
        yield


class _BoundedProtocol(H11Protocol):
    """Writes wait for the client: nothing is buffered beyond the kernel's few KiB."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.set_write_buffer_limits(high=0)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(transport)
