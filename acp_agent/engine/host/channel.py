"""The bounded way from the model's thread to the event loop.

Owns waiting on both sides: the model's thread waits while the reader is behind, the
reader waits while there is nothing. Does not own what is sent through it.
"""

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

DEFAULT_LIMIT = 8


class Abandoned(Exception):
    """Nobody reads any more; the work behind the channel is to stop."""


class Channel(Generic[T]):
    """A queue of at most ``limit`` items from one thread to one task.

    Made on the event loop. ``put``, ``check`` and ``finish`` are for the thread,
    ``receive`` for the task, ``abandon`` for both.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._arrived = asyncio.Event()
        self._notified = False
        self._finished = False
        self._abandoned = False

    def put(self, item: T) -> None:
        """Appends ``item``, after waiting for room.

        Raises:
            Abandoned: the reader is gone, also while waiting.
        """
        with self._changed:
            while len(self._items) >= self._limit and not self._abandoned:
                self._changed.wait()
            self.check()
            self._items.append(item)
            self._notify_reader()

    def check(self) -> None:
        """Raises ``Abandoned`` once the reader is gone; cheap enough for every token."""
        if self._abandoned:
            raise Abandoned

    def finish(self) -> None:
        """Marks the end: the reader gets what is queued, then an empty list."""
        with self._changed:
            self._finished = True
            self._notify_reader()

    def abandon(self) -> None:
        """Ends the work: ``put`` and ``check`` raise from now on."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    async def receive(self) -> list[T]:
        """All that is queued, at least one item; an empty list at the end."""
        while True:
            with self._changed:
                items = list(self._items)
                self._items.clear()
                self._notified = False
                if items:
                    self._changed.notify_all()
                if items or self._finished:
                    return items
            self._arrived.clear()
            await self._arrived.wait()

    def _notify_reader(self) -> None:
        if self._notified:
            return
        self._notified = True
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            self._abandoned = True  # the loop is closed: nobody will ever read
