"""Unix domain socket connections for the HTTP client, on asyncio's own transports.

Owns reading with a bound on what is read ahead, closing at once, and talking to nobody
but this user's own processes. Does not own HTTP.
anyio's streams for such sockets (4.16) put an error into the event loop when data comes
in the moment a read is cancelled: the future is set though it was cancelled, as in
https://github.com/agronholm/anyio/issues/1267. asyncio's transports do not.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

import anyio
from httpcore2 import (
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)

from acp_agent.engine.peer import listener_user

READ_AHEAD = 2048
"""Bytes; asyncio stops reading from the socket at twice as many."""


class UnixBackend(AsyncNetworkBackend):
    """Connects to Unix domain sockets only."""

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the socket at ``path``.

        A listener of another user's counts as none: in a folder open to all, anybody could
        have put a socket where ours would be.
        """
        try:
            with anyio.fail_after(timeout):
                streams = await asyncio.open_unix_connection(path, limit=READ_AHEAD)
        except TimeoutError as error:
            raise ConnectTimeout(str(error)) from error
        except OSError as error:
            raise ConnectError(str(error)) from error
        user = listener_user(streams[1].get_extra_info("socket"))
        if user not in (None, os.getuid()):
            streams[1].transport.abort()
            raise ConnectError("the listener belongs to another user")
        return _UnixStream(*streams)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _UnixStream(AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            with anyio.fail_after(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise ReadTimeout(str(error)) from error
        except OSError as error:
            raise ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            with anyio.fail_after(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise WriteTimeout(str(error)) from error
        except OSError as error:
            raise WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: has the engine left?
            return self._reader.at_eof() or self._reader.exception() is not None
        return None
