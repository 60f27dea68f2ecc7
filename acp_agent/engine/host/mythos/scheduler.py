"""The work of the mythos thread, a step at a time.

Owns the order of the answers: who waits, who writes, who is parked because its reader is
behind; those that write take turns, a token each. One model is in memory at a time: who
wants another one waits until those before have ended. Does not own the thread (``worker``),
the model's life (``residency``) or an answer's state (``answer``).
"""

import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, bad_request, model_failed, without_traceback
from acp_agent.engine.host.fair_queue import FairQueue
from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.mythos.answer import Answer
from acp_agent.engine.host.mythos.caches import KeptCaches
from acp_agent.engine.host.mythos.loading import Load
from acp_agent.engine.host.mythos.residency import Residency
from acp_agent.engine.host.mythos.snapshot import take_snapshot
from acp_agent.engine.host.mythos.spec import read_spec
from acp_agent.engine.host.outputs import Failed, Output
from acp_agent.engine.host.residency import Guard
from acp_agent.engine.host.scheduler import SchedulerOptions
from acp_agent.engine.host.sequence import Clock
from acp_agent.engine.host.ticket import Counters, Ticket
from acp_agent.engine.host.worker import Job, LoadJob

_LOG = logging.getLogger(__name__)

_WATCH = 5.0
"""Seconds between two looks at the memory while a model is in memory and idle."""
_RETRY = 1.0
"""The same while somebody waits for memory."""


class MythosScheduler:
    """All answers of OpenMythos models; as ``worker.SchedulerLike``.

    Args:
        load: loads models; a ``loading.MythosLoader``.
        cache_memory: bytes for what was read and may be of use again.
    """

    def __init__(
        self,
        options: SchedulerOptions,
        *,
        load: Load,
        guard: Guard,
        cache_memory: int,
        clock: Clock = time.monotonic,
    ) -> None:
        self._options = options
        self._guard = guard
        self._clock = clock
        self._counters = Counters()
        self._numbers = itertools.count()
        self._answers: dict[Job, Answer] = {}
        self._waiting: FairQueue[Answer] = FairQueue()
        self._running: list[Answer] = []
        self._parked: list[Answer] = []
        self._pressure = Pressure.NORMAL
        self._kept = KeptCaches(cache_memory)
        self._residency = Residency(
            load, self._kept, release=guard.release, on_change=self._publish, clock=clock
        )
        self._latest: dict[str, Any] = {}
        self._publish()

    def prepare(self) -> None:
        """Nothing: whatever is missing is told to who asks for a model."""

    def submit(self, job: Job) -> None:
        """Lets ``job`` wait for its turn."""
        if job.channel.abandoned:
            return
        ticket = Ticket(job, next(self._numbers), self._clock())
        self._answers[job] = answer = Answer(ticket, read_spec(job.request), self._clock)
        self._waiting.push(ticket.client, answer)

    def request_load(self, job: LoadJob) -> None:
        """Refuses: a model is loaded for an answer."""
        error = bad_request("A model of mode mythos is loaded by its first prompt.", param="model")
        job.channel.put(Failed(error))
        job.channel.finish()

    def withdraw(self, job: Job | LoadJob) -> None:
        """Ends ``job``, if it is not over; what was read for it is kept."""
        if isinstance(job, Job) and (answer := self._answers.get(job)) is not None:
            self._end(answer)

    def resume(self, job: Job) -> None:
        """Goes on with ``job``, whose reader has caught up."""
        answer = self._answers.get(job)
        if answer is not None and answer in self._parked:
            self._parked.remove(answer)
            self._waiting.push_front(answer.ticket.client, answer)

    def unload(self, model: Path | None) -> None:
        """Unloads the variant that ``model`` names, or any, as soon as nothing runs."""
        residency = self._residency
        loaded = residency.model.spec if residency.model is not None else residency.loading
        if loaded is None or model not in (None, Path(loaded.variant)):
            return
        if residency.model is not None:
            residency.closing = True
        else:
            residency.closing_when_idle = True

    def forget(self, key: str) -> None:
        """Drops what is kept of session ``key``."""
        self._kept.forget(key)

    def step(self) -> float | None:
        """As ``SchedulerLike.step``. A fault that is nobody's ends all answers."""
        try:
            worked = self._step()
        except Exception:
            _LOG.exception("a step failed")
            self._fail_all(model_failed())
            self._residency.abort()
            self._residency.unload()
            worked = True
        self._publish()
        return 0.0 if worked else self._delay()

    def status(self) -> dict[str, Any]:
        """As ``SchedulerLike.status``."""
        latest, now = self._latest, self._clock()
        models = [dict(model) for model in latest["models"]]
        for model in models:
            used = model.pop("last_used")
            model["last_used_seconds_ago"] = max(0.0, round(now - used, 1))
        return {**latest, "models": models, **asdict(self._counters)}

    def close(self) -> None:
        """Ends all jobs and frees everything."""
        for answer in list(self._answers.values()):
            self._end(answer)
        self._residency.abort()
        self._residency.unload()
        self._publish()

    def _step(self) -> bool:
        self._pressure = self._guard.look(self._clock())
        worked = self._advance_load()
        self._admit()
        for answer in list(self._running):
            self._guarded(answer, self._advance)
            worked = True
        self._tell_places()
        return self._unload_idle() or worked

    def _advance_load(self) -> bool:
        """Takes a step towards the model that is wanted first; False where it is there."""
        residency, first = self._residency, self._first()
        if residency.loading is None:
            model = residency.model
            is_there = first is None or (model is not None and model.spec == first.spec)
            if first is None or is_there or self._running or not self._may_admit():
                return False
            residency.begin(first.spec, self._listeners)
        elif not any(each.spec == residency.loading for each in self._waiting):
            _LOG.info("nobody waits for %s any more", residency.loading.variant)
            residency.abort()
            return True
        spec = residency.loading
        if (error := residency.advance()) is not None:
            for answer in [each for each in self._waiting if each.spec == spec]:
                self._fail(answer, error)
        return True

    def _admit(self) -> None:
        """Begins what waits, as far as there is room; nobody overtakes who wants another model."""
        model = self._residency.model
        if model is None or self._residency.closing:
            return
        spec = model.spec
        while (first := self._first()) is not None and first.spec == spec:
            if len(self._running) >= self._options.max_sequences or not self._may_admit():
                return
            answer = self._waiting.pop(lambda each: each.spec == spec)
            assert answer is not None
            self._running.append(answer)
            answer.ticket.tell_place(0)
            self._guarded(answer, self._begin)

    def _begin(self, answer: Answer) -> None:
        assert self._residency.model is not None
        is_new = answer.writing is None
        times, after = self._residency.load_times, self._options.progress_after
        writing = answer.begin(self._residency.model, self._kept, times, after)
        if is_new:
            self._counters.cached_tokens += writing.read

    def _advance(self, answer: Answer) -> None:
        model, writing = self._residency.model, answer.writing
        assert model is not None
        assert writing is not None
        writing.advance(model, self._counters)
        self._residency.last_used = self._clock()
        if writing.ended:
            self._end(answer)
        elif not answer.job.channel.has_room:
            answer.rest(self._kept)
            self._running.remove(answer)
            self._parked.append(answer)

    def _guarded(self, answer: Answer, action: Callable[[Answer], None]) -> None:
        """Does ``action`` for ``answer``, which alone fails with it."""
        if answer.job.channel.abandoned:
            self._end(answer)
            return
        try:
            action(answer)
        except ApiError as error:
            self._fail(answer, without_traceback(error))
        except Exception:
            _LOG.exception("a request failed")
            self._kept.clear()  # it may have been memory that was short
            self._fail(answer, model_failed())

    def _fail(self, answer: Answer, error: ApiError) -> None:
        answer.writing = None  # a step that failed leaves its cache in no known state
        answer.job.channel.put(Failed(error))
        self._end(answer)

    def _fail_all(self, error: ApiError) -> None:
        for answer in list(self._answers.values()):
            self._fail(answer, error)

    def _end(self, answer: Answer) -> None:
        """Ends ``answer``, keeping what was read for it."""
        self._waiting.remove(answer)
        for group in (self._running, self._parked):
            if answer in group:
                group.remove(answer)
        answer.job.channel.finish()
        answer.rest(self._kept)
        self._answers.pop(answer.job, None)

    def _unload_idle(self) -> bool:
        """Unloads a model that has been idle for long, or has to go."""
        residency = self._residency
        if residency.model is None or self._running:
            return False
        seconds, limit = self._clock() - residency.last_used, self._options.unload_after
        is_over = limit is not None and seconds >= limit and not self._waiting
        closing = residency.closing or (residency.closing_when_idle and not self._waiting)
        if not (is_over or closing or self._guard.may_unload(seconds, self._pressure)):
            return False
        residency.unload()
        return True

    def _first(self) -> Answer | None:
        """The one of those who wait that came first."""
        return min(self._waiting, key=lambda each: each.ticket.number, default=None)

    def _may_admit(self) -> bool:
        return self._guard.may_admit(len(self._running), self._pressure)

    def _listeners(self) -> list[Channel[Output]]:
        jobs = [each.job for each in self._waiting if each.spec == self._residency.loading]
        return [job.channel for job in jobs if job.request.return_progress]

    def _tell_places(self) -> None:
        # So many begin right after a load.
        begun = self._options.max_sequences - 1 if self._residency.loading is not None else 0
        for place, answer in enumerate(self._waiting):
            if (ahead := place + len(self._running) - begun) > 0:
                answer.ticket.tell_place(ahead)

    def _delay(self) -> float | None:
        """Seconds until something is due though nobody says so."""
        if self._waiting:
            return _RETRY
        if self._residency.model is None:
            return None
        limit = self._options.unload_after
        if limit is None:
            return _WATCH
        return min(max(self._residency.last_used + limit - self._clock(), 0.01), _WATCH)

    def _publish(self) -> None:
        self._latest = take_snapshot(
            self._residency,
            self._kept,
            running=len(self._running),
            parked=[each.spec for each in self._parked],
            waiting=len(self._waiting),
        )
