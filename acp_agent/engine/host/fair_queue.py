"""A queue in which clients take turns.

Owns the order: first come, first served within a client, and one of each client before
the second of any. Does not own what waits.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of several clients; used by one thread."""

    def __init__(self) -> None:
        self._clients: dict[Hashable, deque[T]] = {}
        """In the order of their next turns; no client without items."""

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def __iter__(self) -> Iterator[T]:
        """All items, in the order in which ``pop`` returns them."""
        rounds = max(map(len, self._clients.values()), default=0)
        for number in range(rounds):
            for items in self._clients.values():
                if number < len(items):
                    yield items[number]

    def push(self, client: Hashable, item: T) -> None:
        """Puts ``item`` at the end of what ``client`` waits for."""
        self._clients.setdefault(client, deque()).append(item)

    def push_front(self, client: Hashable, item: T) -> None:
        """Puts ``item`` before all else of ``client``."""
        self._clients.setdefault(client, deque()).appendleft(item)

    def pop(self, accept: Callable[[T], bool]) -> T | None:
        """Takes out the first item that ``accept`` wants; its client goes to the end."""
        for client, items in self._clients.items():
            found = next((item for item in items if accept(item)), None)
            if found is not None:
                items.remove(found)
                del self._clients[client]
                if items:
                    self._clients[client] = items
                return found
        return None

    def remove(self, item: T) -> bool:
        """Takes out ``item``; False where it does not wait."""
        for client, items in self._clients.items():
            if item in items:
                items.remove(item)
                if not items:
                    del self._clients[client]
                return True
        return False
