"""A job from its arrival to its end, and the count of what jobs took.

Owns this data. Does not own what is done with it (``workload``).
"""

from collections.abc import Hashable
from dataclasses import dataclass

from acp_agent.engine.host.loaded import LoadedModel
from acp_agent.engine.host.outputs import Queued
from acp_agent.engine.host.sequence import Clock, Reporter, Sequence, Times
from acp_agent.engine.host.worker import Job


@dataclass(slots=True)
class Counters:
    """What was computed since the start; the model's thread alone writes here."""

    decoded_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Ticket:
    """A job from its arrival to its end.

    ``number`` counts arrivals, ``ahead`` is what was said last of its place in the queue.
    ``sequence`` is there once it has begun; a ``suspect`` one was lost to another's fault,
    or to its own. No repr: the log holds no prompt.
    """

    job: Job
    number: int
    arrived: float
    ahead: int = 0
    sequence: Sequence | None = None
    suspect: bool = False

    @property
    def client(self) -> Hashable:
        """Who sent it, as far as it says so."""
        request = self.job.request
        if request.user is not None:
            return "user", request.user
        return ("session", request.prompt_cache_key) if request.prompt_cache_key else self.number

    def asks_as(self, other: "Ticket") -> bool:
        """Whether both get the same prompt, as long as no session has a say in it."""
        mine, its = (each.job.request for each in (self, other))
        return (
            mine.prompt_cache_key is its.prompt_cache_key is None
            and mine.messages == its.messages
            and mine.offered_tools == its.offered_tools
            and mine.reasoning_effort == its.reasoning_effort
        )

    def new_sequence(
        self,
        model: LoadedModel,
        *,
        load_times: tuple[float, float],
        progress_after: float,
        clock: Clock,
    ) -> Sequence:
        """The answer of ``model``, for which it waited since it arrived.

        Args:
            load_times: begin and end of the model's load, which is no wait for a turn.
            progress_after: seconds of reading until its progress is told.

        Raises:
            ApiError: as ``Sequence``.
        """
        now, request = clock(), self.job.request
        began, ended = load_times
        loading = max(0.0, ended - max(began, self.arrived))
        wanted = [self.job.channel] if request.return_progress else []
        return Sequence(
            self.job,
            model.format,
            model.cache.note(request.prompt_cache_key),
            context_size=model.context_size,
            times=Times(now - self.arrived - loading, now),
            reporter=Reporter(lambda: wanted, "prompt", after=progress_after, clock=clock),
        )

    def tell_place(self, ahead: int) -> None:
        """Tells the reader, if it wants to know, that ``ahead`` others come first."""
        if ahead != self.ahead and self.job.request.return_progress:
            self.ahead = ahead
            self.job.channel.put(Queued(ahead))
