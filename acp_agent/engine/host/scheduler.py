"""The work of the model's thread, a step at a time.

Owns the order of the parts of a step, so that everyone goes on: a step of a load, one
chunk of one prompt, one token of every answer. Does not own the thread (``worker``), the
order within a model (``workload``) or which models are in memory (``residency``).
"""

import itertools
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acp_agent.engine.host.errors import model_failed
from acp_agent.engine.host.loaded import (
    Loader,
    leave_thread,
    prepare_thread,
    reset_peak_memory,
)
from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.residency import Guard, Residency
from acp_agent.engine.host.sequence import Clock
from acp_agent.engine.host.snapshot import Snapshots
from acp_agent.engine.host.ticket import Counters, Ticket
from acp_agent.engine.host.worker import Job, LoadJob
from acp_agent.engine.host.workload import Workload

_LOG = logging.getLogger(__name__)

_WATCH = 5.0
"""Seconds between two looks at the memory while models are in memory and idle."""
_RETRY = 1.0
"""The same while somebody waits for memory."""


@dataclass(slots=True, frozen=True)
class SchedulerOptions:
    """``max_sequences`` per model; times in seconds. ``unload_after`` None is never."""

    max_sequences: int
    progress_after: float
    unload_after: float | None


class Scheduler:
    """All models' work; as ``worker.SchedulerLike``."""

    def __init__(
        self,
        options: SchedulerOptions,
        *,
        load: Loader,
        guard: Guard,
        clock: Clock = time.monotonic,
    ) -> None:
        self._options = options
        self._guard = guard
        self._clock = clock
        self._counters = Counters()
        self._tickets: dict[Job, Ticket] = {}
        self._workloads: dict[Path, Workload] = {}
        self._numbers = itertools.count()
        self._turn = 0
        self._load = load
        self._pressure = Pressure.NORMAL
        self._was_running = False
        self._residency = Residency(
            self._workloads.values,
            load=load,
            guard=guard,
            unload_after=options.unload_after,
            clock=clock,
            on_change=self._publish,
        )
        self._snapshots = Snapshots(guard.figures, clock=clock)
        self._publish()

    def prepare(self) -> None:
        """Imports what the first job needs."""
        prepare_thread()

    def submit(self, job: Job) -> None:
        """Lets ``job`` wait for its turn."""
        if job.channel.abandoned:
            return
        ticket = Ticket(job, next(self._numbers), self._clock())
        self._tickets[job] = ticket
        self._workload(job.model).submit(ticket)

    def request_load(self, job: LoadJob) -> None:
        """Loads a model for ``job``."""
        workload = self._workload(job.model)
        workload.last_used = self._clock()
        workload.closing_when_idle = False
        workload.waiting.loads[job] = next(self._numbers)
        if workload.model is not None:
            workload.waiting.end_loads()

    def withdraw(self, job: Job | LoadJob) -> None:
        """Ends ``job``, if it is not over."""
        if isinstance(job, LoadJob):
            self._workload(job.model).waiting.loads.pop(job, None)
        elif (ticket := self._tickets.get(job)) is not None:
            self._workload(job.model).withdraw(ticket)

    def resume(self, job: Job) -> None:
        """Goes on with ``job``, whose reader has caught up."""
        if (ticket := self._tickets.get(job)) is not None:
            self._workload(job.model).resume(ticket)

    def unload(self, model: Path | None) -> None:
        """Unloads one model, or all, as soon as nothing uses it.

        A ``model`` that is no absolute path is the name of a folder, wherever that is.
        """
        for workload in self._workloads.values():
            if not _means(model, workload.folder):
                continue
            if workload.model is not None:
                workload.closing = True
            else:
                # It is being loaded, or will be: who waits for that is answered first.
                workload.closing_when_idle = workload.wants_model

    def forget(self, key: str) -> None:
        """Drops what is kept of session ``key``."""
        for workload in self._workloads.values():
            if workload.model is not None:
                workload.model.cache.forget(key)
        self._load.forget(key)

    def step(self) -> float | None:
        """As ``SchedulerLike.step``. A fault that is nobody's ends all answers."""
        try:
            worked = self._step()
        except Exception:
            _LOG.exception("a step failed")
            for workload in list(self._workloads.values()):
                workload.fail_all(model_failed())
                workload.closing = workload.model is not None
            worked = True
        self._publish(at_rest=not worked)
        return 0.0 if worked else self._delay(self._clock())

    def status(self) -> dict[str, Any]:
        """As ``SchedulerLike.status``."""
        return {**self._snapshots.latest(), **asdict(self._counters)}

    def close(self) -> None:
        """Ends all jobs, saves and frees everything."""
        for workload in list(self._workloads.values()):
            workload.cut_all()
        self._residency.close()
        self._publish()
        leave_thread()

    def _step(self) -> bool:
        now = self._clock()
        self._look_at_memory(now)
        worked = self._residency.advance(self._pressure)
        for workload in self._workloads.values():
            workload.admit(self._may_admit)
        worked |= self._read_chunk()
        for workload in self._workloads.values():
            worked |= workload.decode()
        self._tell_caches()
        self._tell_places()
        worked |= self._residency.unload_idle(self._clock(), self._pressure)
        self._forget_workloads()
        self._watch_peak()
        return worked

    def _look_at_memory(self, now: float) -> None:
        before, self._pressure = self._pressure, self._guard.look(now)
        if not before < Pressure.FULL <= self._pressure:
            return
        models = [each.model for each in self._workloads.values() if each.model is not None]
        for model in models:
            model.cache.shrink(0)
        if models:
            # MLX keeps freed memory for its next step; the system is to have it.
            self._guard.release()

    def _may_admit(self, ticket: Ticket) -> bool:
        """Whether ``ticket`` may begin: not before a load that came first and waits for idle."""
        blocked = self._residency.blocked
        if blocked is not None and ticket.number > blocked.waiting.first_number:
            return False
        return self._guard.may_admit(self._running(), self._pressure)

    def _read_chunk(self) -> bool:
        """One chunk of one prompt; models take turns."""
        workloads = list(self._workloads.values())
        for index in range(len(workloads)):
            turn = (self._turn + index) % len(workloads)
            if workloads[turn].read_chunk():
                self._turn = turn + 1
                return True
        return False

    def _tell_caches(self) -> None:
        is_busy = self._running() > 0
        for workload in self._workloads.values():
            if workload.model is not None:
                workload.model.cache.set_busy(is_busy)

    def _tell_places(self) -> None:
        for workload in self._workloads.values():
            if workload.waiting:
                workload.waiting.tell_places(self._count_ahead(workload))

    def _count_ahead(self, workload: Workload) -> int:
        """How many answers outside its queue come before the first that waits there."""
        running = self._running()
        blocked, loading = self._residency.blocked, self._residency.loading
        if workload is loading:
            return 1 - self._options.max_sequences  # so many begin right after the load
        if workload.closing:
            return workload.running
        if workload.model is None and loading is not None:
            return len(loading.waiting)
        if blocked is not None and blocked.waiting.first_number < workload.waiting.first_number:
            return running + len(blocked.waiting)
        if workload.model is None or not self._guard.may_admit(running, self._pressure):
            return running
        return 1  # the first of those that run to end

    def _forget_workloads(self) -> None:
        for workload in list(self._workloads.values()):
            if workload.is_over and workload is not self._residency.loading:
                del self._workloads[workload.folder]

    def _watch_peak(self) -> None:
        """Begins a new peak with the first answer after a pause."""
        is_running = self._running() > 0
        if is_running and not self._was_running:
            reset_peak_memory()
        self._was_running = is_running

    def _running(self) -> int:
        return sum(workload.running for workload in self._workloads.values())

    def _workload(self, folder: Path) -> Workload:
        if folder not in self._workloads:
            self._workloads[folder] = Workload(
                folder,
                max_sequences=self._options.max_sequences,
                progress_after=self._options.progress_after,
                clock=self._clock,
                counters=self._counters,
                on_end=self._on_end,
            )
        return self._workloads[folder]

    def _on_end(self, ticket: Ticket) -> None:
        self._tickets.pop(ticket.job, None)

    def _delay(self, now: float) -> float | None:
        """Seconds until something is due though nobody says so."""
        if any(workload.waiting or workload.wants_model for workload in self._workloads.values()):
            return _RETRY
        if not any(workload.model for workload in self._workloads.values()):
            return None
        due = self._residency.next_unload()
        return _WATCH if due is None else min(max(due - now, 0.01), _WATCH)

    def _publish(self, *, at_rest: bool = False) -> None:
        self._snapshots.publish(self._workloads.values(), self._residency, at_rest=at_rest)


def _means(model: Path | None, folder: Path) -> bool:
    if model is None or model == folder:
        return True
    return not model.is_absolute() and model.name == folder.name
