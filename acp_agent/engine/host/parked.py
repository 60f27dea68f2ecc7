"""Answers that are parked, since their reader is behind.

Owns them and how many resting answers keep their caches. Does not own when one is parked or
goes on (``workload``).
"""

from collections.abc import Iterable, Iterator

from acp_agent.engine.host.cache.store import PromptCache
from acp_agent.engine.host.ticket import Ticket

PARKED_SHARE = 3
"""Resting answers that may keep their caches, for each that may run."""


class Parked:
    """Parked tickets, the longest first.

    Args:
        max_sequences: answers that may run at the same time.
    """

    def __init__(self, max_sequences: int) -> None:
        self._tickets: list[Ticket] = []
        self._most_lines = (1 + PARKED_SHARE) * max_sequences

    def __len__(self) -> int:
        return len(self._tickets)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._tickets)

    def add(self, ticket: Ticket) -> None:
        """Parks ``ticket``."""
        self._tickets.append(ticket)

    def remove(self, ticket: Ticket) -> bool:
        """Takes out ``ticket``; False where it is not parked."""
        if ticket not in self._tickets:
            return False
        self._tickets.remove(ticket)
        return True

    def clear(self) -> None:
        """Takes out all."""
        self._tickets.clear()

    def bound_lines(self, running: int, waiting: Iterable[Ticket], cache: PromptCache) -> None:
        """Makes room for one more line: of those that rest, the longest gives up its own.

        Args:
            running: answers that run, and may have a line each.
            waiting: others that rest, in the order of their turns.
        """
        resting = [*self._tickets, *reversed(list(waiting))]
        held = [each.sequence for each in resting if each.sequence and each.sequence.line]
        for sequence in held[: max(0, running + len(held) + 1 - self._most_lines)]:
            sequence.give_back(cache)
