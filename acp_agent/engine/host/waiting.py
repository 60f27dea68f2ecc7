"""Those who wait for one model.

Owns their order and telling them of it. Does not own when their turn comes (``workload``)
or loading (``residency``).
"""

import math
from collections.abc import Callable, Iterator

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.fair_queue import FairQueue
from acp_agent.engine.host.outputs import Failed, Output
from acp_agent.engine.host.ticket import Ticket
from acp_agent.engine.host.worker import LoadJob


class Waiting:
    """Tickets that have not begun, and those that a caught-up reader wants to go on with.

    ``loads`` wait for the model alone; each has the number of its arrival.
    """

    def __init__(self) -> None:
        self.loads: dict[LoadJob, int] = {}
        self._queue: FairQueue[Ticket] = FairQueue()

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Ticket]:
        """All tickets, in the order of their turns."""
        return iter(self._queue)

    @property
    def first_number(self) -> float:
        """The lowest number of arrival, infinite where nobody waits."""
        numbers = [*self.loads.values(), *(ticket.number for ticket in self._queue)]
        return min(numbers, default=math.inf)

    def push(self, ticket: Ticket) -> None:
        """Lets ``ticket`` wait behind all of its client's."""
        self._queue.push(ticket.client, ticket)

    def push_front(self, ticket: Ticket) -> None:
        """Lets ``ticket`` wait before all of its client's."""
        self._queue.push_front(ticket.client, ticket)

    def pop(self, accept: Callable[[Ticket], bool]) -> Ticket | None:
        """Takes out the first ticket that ``accept`` wants."""
        return self._queue.pop(accept)

    def remove(self, ticket: Ticket) -> None:
        """Takes out ``ticket``, if it waits."""
        self._queue.remove(ticket)

    def wants_prompt_of(self, ticket: Ticket) -> bool:
        """Whether anyone waits to begin with the prompt of ``ticket``; sessions keep theirs."""
        return any(each.sequence is None and each.asks_as(ticket) for each in self._queue)

    def listeners(self) -> list[Channel[Output]]:
        """Those who want to know how far loading is."""
        jobs = [ticket.job for ticket in self._queue]
        wanted = [job.channel for job in jobs if job.request.return_progress]
        return [job.channel for job in self.loads] + wanted

    def end_loads(self, error: ApiError | None = None) -> None:
        """Ends the wait of those who want the model in memory and no more, as with ``error``."""
        for job in self.loads:
            if error is not None:
                job.channel.put(Failed(error))
            job.channel.finish()
        self.loads.clear()

    def tell_places(self, shift: int) -> None:
        """Tells those who want to know how many are before them.

        Args:
            shift: what is added to a place in the queue, counted from 0.
        """
        for place, ticket in enumerate(self._queue):
            if place + shift > 0:
                ticket.tell_place(place + shift)
