"""Answers whose prompt is read: one prompt in turns with others, for one answer or many.

Owns whose turn it is to read, who follows another that reads the same prompt, and telling
followers how far it is. Does not own reading itself, nor what comes after (``workload``).
"""

from collections import deque
from collections.abc import Iterator

from acp_agent.engine.host.cache.store import PromptCache
from acp_agent.engine.host.sequence import Sequence
from acp_agent.engine.host.ticket import Ticket


class Reading:
    """Begun tickets that read, and followers, each of a leader that reads for it.

    A leader is no follower itself. Who was taken for its turn is not in here until it is
    back.
    """

    def __init__(self) -> None:
        self._readers: deque[Ticket] = deque()
        self._leaders: dict[Ticket, Ticket] = {}
        """By follower, in the order of their begin."""

    def __len__(self) -> int:
        return len(self._readers) + len(self._leaders)

    def __iter__(self) -> Iterator[Ticket]:
        yield from self._readers
        yield from self._leaders

    def push(self, ticket: Ticket) -> None:
        """Lets ``ticket`` read when it is its turn."""
        self._readers.append(ticket)

    def pop(self) -> Ticket | None:
        """Takes the one whose turn it is."""
        return self._readers.popleft() if self._readers else None

    def follow(self, ticket: Ticket, leader: Ticket) -> None:
        """Lets ``ticket`` wait for what ``leader`` reads."""
        self._leaders[ticket] = leader

    def remove(self, ticket: Ticket) -> None:
        """Takes out ``ticket``, if it is here."""
        self._leaders.pop(ticket, None)
        if ticket in self._readers:
            self._readers.remove(ticket)

    def clear(self) -> None:
        """Takes out all."""
        self._readers.clear()
        self._leaders.clear()

    def leader_for(self, sequence: Sequence, cache: PromptCache) -> Ticket | None:
        """Who reads the same and is no less far than ``sequence`` could begin; None: nobody."""
        for ticket in self._readers:
            other = ticket.sequence
            if other is None or other.line is None or other.tokens != sequence.tokens:
                continue
            if cache.reach(sequence.key, sequence.tokens) <= len(other.line.tokens):
                return ticket
        return None

    def tell_followers(self, leader: Ticket, done: int) -> None:
        """Tells the followers of ``leader`` that it has read ``done`` tokens."""
        for ticket, its_leader in self._leaders.items():
            if its_leader is leader and ticket.sequence is not None:
                ticket.sequence.report_read(done)

    def pop_followers(self, leader: Ticket) -> list[Ticket]:
        """Takes out the followers of ``leader``."""
        return self._pop([each for each, its in self._leaders.items() if its is leader])

    def pop_orphans(self) -> list[Ticket]:
        """Takes out the followers whose leader does not read any more."""
        return self._pop([each for each, its in self._leaders.items() if its not in self._readers])

    def _pop(self, tickets: list[Ticket]) -> list[Ticket]:
        for each in tickets:
            del self._leaders[each]
        return tickets
