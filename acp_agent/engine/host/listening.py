"""The HTTP server under the routes: uvicorn, made to hold back and to leave at once.

Owns the Unix domain socket and its permissions, the TCP socket, and the bounds on what
is buffered for a client that does not read. Does not own routes (``server``), who may
come in (``auth``) or signals (``process``).
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Generator
from pathlib import Path

import anyio
import h11
import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from acp_agent.engine.host.address import Address, is_loopback
from acp_agent.errors import AgentError

_LOG = logging.getLogger(__name__)

SEND_BUFFER = 4096
"""Bytes the kernel may hold for one client; a chunk of a stream takes about 200."""

TCP_CONNECTIONS = 64
"""Clients over TCP at a time; without a bound they could use up the process's descriptors
and shut the editors out."""

REQUEST_SECONDS = 10.0
"""What a client over TCP has for a request's header once it is connected or has begun it,
and how long it may pause in a request's body. uvicorn ends connections between requests."""

_BACKLOG = 128
_UNIX = "over_unix"
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


def listen_tcp(address: Address) -> socket.socket:
    """A socket listening at ``address``, IPv4 where a name means both; the log says where.

    Raises:
        AgentError: it cannot listen there, with the reason; for the terminal.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, place = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        # create_server sets SO_REUSEADDR, and IPV6_V6ONLY: "::" means IPv6 alone.
        listener = socket.create_server(place, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AgentError(
            f"The engine cannot listen at {address} ({error.strerror or error}): name another "
            "address or port with --listen."
        ) from error
    host, port = listener.getsockname()[:2]
    _LOG.info("listens at http://%s", Address(host, port))
    if not is_loopback(host):
        _LOG.warning(
            "other machines can reach %s: whoever has the token can use the models, and what is "
            "sent, the token too, is not encrypted; listen at 127.0.0.1 to stay on this machine",
            Address(host, port),
        )
    return listener


def comes_over_unix(scope: Scope) -> bool:
    """Whether the request of ``scope`` came over the Unix domain socket."""
    return scope.get("state", {}).get(_UNIX) is True


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
    """Writes wait for the client: nothing is buffered beyond the kernel's few KiB.

    Tells the routes, in the scope's state, by which socket a request came. Over TCP a client
    that does not get on with its request is cut off, whoever it is: no token is known yet.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.set_write_buffer_limits(high=0)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        is_unix = connection.family == socket.AF_UNIX
        self.app_state = {**self.app_state, _UNIX: is_unix}
        if not is_unix:
            # asyncio does it only for sockets made with their protocol's number.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A machine that vanished sends no end; the kernel finds out.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        super().connection_made(transport)
        if not is_unix and self._tcp_connections() > TCP_CONNECTIONS:
            _LOG.warning("more than %d clients over TCP; one was turned away", TCP_CONNECTIONS)
            transport.abort()
        elif not is_unix:
            self._set_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.app_state[_UNIX]:
            self._move_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def _move_deadline(self) -> None:
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._clear_deadline()
            self._set_deadline()
        elif state is not h11.IDLE and state is not h11.ERROR:
            self._clear_deadline()
        elif self._deadline is None:
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _tcp_connections(self) -> int:
        return sum(not connection.app_state.get(_UNIX) for connection in self.connections)
