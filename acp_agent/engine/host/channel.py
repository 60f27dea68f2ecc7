"""The way from the model's thread to one reader on the event loop.

Owns the queue between the two, and telling each side of the other: the thread sees
``has_room`` and ``abandoned``, the reader waits while there is nothing. Never blocks the
thread, which all answers share: it is to stop producing while there is no room. Does not
own what is sent through it.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

DEFAULT_LIMIT = 32
"""Items that may wait before the producer is asked to pause."""


class Channel(Generic[T]):
    """A queue from one thread to one task; ``limit`` items fill it.

    Made on the event loop. ``put`` and ``finish`` are for the thread, ``receive`` for the
    task, everything else for both.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.on_room: Callable[[], None] | None = None
        """Called on the event loop when a full channel has been emptied."""
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._arrived = asyncio.Event()
        self._notified = False
        self._finished = False
        self._abandoned = False

    @property
    def has_room(self) -> bool:
        """Whether the producer may go on."""
        return len(self._items) < self._limit

    @property
    def abandoned(self) -> bool:
        """Whether nobody reads any more; the work behind the channel is to stop."""
        return self._abandoned

    @property
    def finished(self) -> bool:
        """Whether all has been put."""
        return self._finished

    def put(self, item: T) -> None:
        """Appends ``item``, also beyond the limit; drops it where nobody reads."""
        with self._lock:
            if not self._abandoned and not self._finished:
                self._items.append(item)
                self._notify_reader()

    def finish(self) -> None:
        """Marks the end: the reader gets what is queued, then an empty list."""
        with self._lock:
            self._finished = True
            self._notify_reader()

    def abandon(self) -> None:
        """Says that nobody reads any more."""
        self._abandoned = True

    async def receive(self) -> list[T]:
        """All that is queued, at least one item; an empty list at the end."""
        while True:
            with self._lock:
                items = list(self._items)
                self._items.clear()
                self._notified = False
                finished = self._finished
            if len(items) >= self._limit and self.on_room is not None:
                self.on_room()
            if items or finished:
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
