"""The stdio transport: newline-delimited messages over two claimed descriptors.

Owns the reader thread and the blocking write. Does not own the descriptors' claiming
(``rpc/descriptors``), nor what a line means (``rpc/peer``).

The reader is a daemon thread, so that Ctrl-C and the end of the process never wait for
a read that has nothing to return. At most one chunk is on its way to the event loop.
"""

import logging
import os
import select
import threading
from collections.abc import AsyncGenerator, Callable

import anyio
import anyio.lowlevel
from anyio.from_thread import run, run_sync
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from acp_agent.errors import AgentError
from acp_agent.rpc.frames import LineSplitter

_log = logging.getLogger(__name__)

Line = bytes | AgentError
"""A line as it came, or why it could not be read."""

_CHUNK = 256 * 1024


class LineReader:
    """The lines that arrive on ``fd``, in batches as they come."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._splitter = LineSplitter()
        streams = anyio.create_memory_object_stream[list[Line]](0)
        self._send: MemoryObjectSendStream[list[Line]] = streams[0]
        self._receive: MemoryObjectReceiveStream[list[Line]] = streams[1]
        self._token = anyio.lowlevel.current_token()
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    async def batches(self) -> AsyncGenerator[list[Line]]:
        """Batches of lines until the other side closes; a last line needs no line feed."""
        async with self._receive:
            async for batch in self._receive:
                yield batch

    def _run(self) -> None:
        try:
            while data := self._read():
                lines = list(self._splitter.feed(data))
                if lines:
                    run(self._send.send, lines, token=self._token)
            rest = list(self._splitter.feed(b"\n"))
            if rest:
                run(self._send.send, rest, token=self._token)
            run_sync(self._send.close, token=self._token)
        except (RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            # The event loop or its consumer has gone: nobody is left to read for, nor to be
            # woken by this from another thread.
            self._send.close()

    def _read(self) -> bytes:
        while True:
            try:
                return os.read(self._fd, _CHUNK)
            except BlockingIOError:
                # The descriptor was handed to us non-blocking (Node's pipes may be).
                select.select([self._fd], [], [])
            except OSError as error:
                _log.info("the client's messages cannot be read: %s", error.strerror)
                return b""


def writer_to(fd: int) -> Callable[[bytes], None]:
    """A blocking ``write`` that puts all of its bytes on ``fd`` or raises OSError."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[_write_some(fd, view) :]

    return write


def _write_some(fd: int, view: memoryview) -> int:
    try:
        return os.write(fd, view)
    except BlockingIOError:
        # As for reading: the descriptor was handed to us non-blocking.
        select.select([], [fd], [])
        return 0
