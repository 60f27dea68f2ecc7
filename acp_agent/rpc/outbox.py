"""The one way out: a bounded queue in front of the one writer.

Owns order, bounds and merging: while the writer is busy, a text frame joins the one
that waits before it (the only place where text is merged). Does not own the bytes'
destination: ``write`` is any blocking function, called in a thread of its own, so that
pipes, sockets, files and terminals all do.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Final

import anyio
import anyio.lowlevel

from acp_agent.rpc.frames import Frame

_log = logging.getLogger(__name__)

MAX_WAITING_FRAMES: Final = 64
"""Frames (merged ones count singly) that wait at most before senders wait."""

MAX_WAITING_ANSWERS: Final = 1024
"""Frames that wait at most, answers among them, before no further request is taken in."""

MAX_WAITING_BYTES: Final = 128 * 1024
"""Bytes that wait at most before senders wait."""


class Outbox:
    """Frames on their way to ``write``.

    At most one batch is being written while the next one fills, so a sender is at most
    two batches ahead of the reader at the other end.

    Args:
        write: takes all of its bytes or raises OSError (the reader has gone).
        merge: whether text frames may join.
    """

    def __init__(self, write: Callable[[bytes], None], *, merge: bool = True) -> None:
        self._write = write
        self.merge = merge
        self._lock = threading.Condition()
        self._waiting: list[Frame] = []
        self._frames = 0
        self._bytes = 0
        self._idle = True
        self._closing = False
        self._loop_waits = False
        self._room = anyio.Event()
        self._loop = asyncio.get_running_loop()
        self._stopped = anyio.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> bool:
        """Queues ``frame`` if there is room; False if the caller must wait (``send``)."""
        with self._lock:
            if self._closing or self._full():
                return False
            self._add(frame)
        return True

    def put(self, frame: Frame) -> None:
        """Queues ``frame`` at once, over the bound if need be.

        For what must not wait: answers, and what settles a turn before its answer. Whoever
        takes in the requests keeps their number bounded (``wait_for_answers_to_leave``).
        """
        with self._lock:
            self._add(frame)

    async def send(self, frame: Frame) -> None:
        """Queues ``frame`` when there is room. Once the reader has gone it is dropped."""
        while not self.offer(frame):
            if self._closing:
                # A sender that never waits would keep the end from being noticed.
                await anyio.lowlevel.checkpoint()
                return
            await self._wait_for_room()

    async def wait_for_answers_to_leave(self) -> None:
        """Returns once fewer than MAX_WAITING_ANSWERS frames wait, or none will leave."""
        while self._frames >= MAX_WAITING_ANSWERS and not self._closing:
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        with self._lock:
            if self._closing or not self._full():
                return
            if not self._loop_waits:
                self._room = anyio.Event()
                self._loop_waits = True
            room = self._room
        await room.wait()

    def _full(self) -> bool:
        return self._frames >= MAX_WAITING_FRAMES or self._bytes >= MAX_WAITING_BYTES

    def _add(self, frame: Frame) -> None:
        if self._closing:
            return
        waiting = self._waiting
        self._frames += 1
        self._bytes += frame.size
        if not (self.merge and waiting and waiting[-1].absorb(frame)):
            waiting.append(frame)
        if self._idle:
            self._lock.notify()

    async def wait_broken(self) -> None:
        """Returns when the reader at the other end has gone, or after ``close``."""
        await self._stopped.wait()

    async def close(self, seconds: float) -> None:
        """Takes no more frames and waits up to ``seconds`` for the last to be written."""
        with self._lock:
            self._closing = True
            self._wake_senders()
            self._lock.notify()
        with anyio.move_on_after(seconds):
            await self._stopped.wait()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._write(b"".join([frame.encode() for frame in batch]))
        except OSError as error:
            _log.info("the client reads no more: %s", error.strerror)
        finally:
            with self._lock:
                self._closing = True
            self._tell_loop(self._on_stopped)

    def _next_batch(self) -> list[Frame]:
        with self._lock:
            self._idle = True
            while not self._waiting and not self._closing:
                self._lock.wait()
            self._idle = False
            batch, self._waiting = self._waiting, []
            self._frames = self._bytes = 0
            wake = self._loop_waits
        if wake:
            self._tell_loop(self._on_room)
        return batch

    def _on_room(self) -> None:
        with self._lock:
            self._wake_senders()

    def _on_stopped(self) -> None:
        self._on_room()
        self._stopped.set()

    def _wake_senders(self) -> None:
        self._loop_waits = False
        self._room.set()

    def _tell_loop(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # The event loop is gone, and with it everybody who could be waiting.
            return
