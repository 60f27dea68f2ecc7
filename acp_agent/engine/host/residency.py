"""Which models are in memory.

Owns the order of loads, one at a time in steps, making room for them, and unloading what
is idle. Does not own the work on a model (``workload``) or judging memory (``memory``).
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from acp_agent.engine.host.errors import ApiError, without_traceback
from acp_agent.engine.host.loaded import Loader, LoadSteps
from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.sequence import Clock, Reporter
from acp_agent.engine.host.workload import Workload

_LOG = logging.getLogger(__name__)

_LOOK_AGAIN = 1.0
"""Seconds between two checks of whether a model fits by now."""


class Guard(Protocol):
    """Judges the machine's memory; ``memory.guard.MemoryGuard`` is one."""

    def check_load(self, folder: Path) -> None: ...
    def apply_limits(self) -> None: ...
    def look(self, now: float) -> Pressure: ...
    def may_admit(self, running: int, pressure: Pressure) -> bool: ...
    def may_unload(self, idle_seconds: float, pressure: Pressure) -> bool: ...
    def release(self) -> None: ...
    def figures(self) -> dict[str, int]: ...


class Residency:
    """Loads and unloads the models of ``workloads``, a live collection.

    ``loading`` is the one that is being loaded, ``progress`` its bytes so far and all of
    them (0: not known yet), ``blocked`` the one that waits until busy models are idle,
    ``unloading`` the one that goes.

    Args:
        on_change: is called before a step that takes long, and after it.
        unload_after: seconds without work after which a model goes, None for never.
    """

    def __init__(
        self,
        workloads: Callable[[], Iterable[Workload]],
        *,
        load: Loader,
        guard: Guard,
        unload_after: float | None,
        clock: Clock = time.monotonic,
        on_change: Callable[[], None],
    ) -> None:
        self.loading: Workload | None = None
        self.blocked: Workload | None = None
        self.unloading: Workload | None = None
        self._workloads = workloads
        self._load = load
        self._guard = guard
        self._unload_after = unload_after
        self._clock = clock
        self._on_change = on_change
        self.progress = (0, 0)
        self._steps: LoadSteps | None = None
        self._reporter: Reporter | None = None
        self._next_check = 0.0

    def advance(self, pressure: Pressure) -> bool:
        """Takes a step of the load that goes on or is due; False where there is none."""
        if self.loading is None:
            self._choose(pressure)
        if self.loading is not None:
            self._step(self.loading)
            return True
        return False

    def unload_idle(self, now: float, pressure: Pressure) -> bool:
        """Unloads what has been idle for long, or has to go; False where nothing has.

        One goes at a time, that which was used longest ago.
        """
        for workload in self._idle():
            seconds = now - workload.last_used
            over = self._unload_after is not None and seconds >= self._unload_after
            closing = workload.closing or (workload.closing_when_idle and not workload.waiting)
            if over or closing or self._guard.may_unload(seconds, pressure):
                self.unload(workload)
                return True
        return False

    def next_unload(self) -> float | None:
        """When the next idle model is to go, None for never."""
        idle = self._idle()
        if not idle or self._unload_after is None:
            return None
        return idle[0].last_used + self._unload_after

    def unload(self, workload: Workload) -> None:
        """Saves the prompt cache of an idle model and gives its memory back."""
        self.unloading = workload
        self._on_change()
        model = workload.take_model()
        if model is not None:
            try:
                model.cache.flush()
            except Exception:
                _LOG.exception("a prompt cache could not be saved")
            model.decoder.clear()
        del model
        self._guard.release()
        self.unloading = None
        self._next_check = 0.0
        self._on_change()
        _LOG.info("unloaded %s", workload.folder.name)

    def close(self) -> None:
        """Gives up a load and unloads everything; nothing may run any more."""
        self._abort()
        for workload in list(self._workloads()):
            if workload.model is not None:
                self.unload(workload)

    def _choose(self, pressure: Pressure) -> None:
        """Begins the load that was asked for first, once there is room for it."""
        wanting = [each for each in self._workloads() if each.wants_model]
        self.blocked = min(wanting, key=lambda each: each.waiting.first_number, default=None)
        now = self._clock()
        if self.blocked is None or (now < self._next_check and not self._spare(self.blocked)):
            return
        running = sum(each.running for each in self._workloads())
        if self._guard.may_admit(running, pressure) and self._make_room(self.blocked):
            self._next_check = 0.0
            workload, self.blocked = self.blocked, None
            self._begin(workload)
        else:
            self._next_check = now + _LOOK_AGAIN

    def _make_room(self, workload: Workload) -> bool:
        """Unloads idle models until ``workload`` fits; False while it does not.

        Where that cannot help, those who wait for it fail.
        """
        while (error := self._refusal(workload)) is not None:
            if not self._can_make_room(error):
                workload.fail_waiting(error)
                return False
            spare = self._spare(workload)
            if not spare:
                return False
            self.unload(spare[0])
        return True

    def _spare(self, workload: Workload) -> list[Workload]:
        """Idle models that may go for ``workload``: nobody who came before wants them."""
        number = workload.waiting.first_number
        return [each for each in self._idle() if each.waiting.first_number > number]

    def _begin(self, workload: Workload) -> None:
        _LOG.info("loading %s", workload.folder.name)
        self.loading, self.progress = workload, (0, 0)
        self._steps = self._load(workload.folder)
        self._reporter = Reporter(workload.waiting.listeners, "load", after=0.0, clock=self._clock)
        workload.load_times = (self._clock(), 0.0)
        self._on_change()

    def _step(self, workload: Workload) -> None:
        assert self._steps is not None
        assert self._reporter is not None
        if not workload.wants_model:
            _LOG.info("nobody waits for %s any more", workload.folder.name)
            workload.closing_when_idle = False
            self._abort()
            return
        error = None
        try:
            self.progress = next(self._steps)
            self._reporter.report(*self.progress)
        except StopIteration as end:
            workload.model = end.value
            self._steps = self._reporter = self.loading = None
            self._on_loaded(workload)
        except ApiError as caught:
            _LOG.exception("loading %s failed", workload.folder.name)
            error = without_traceback(caught)
        except Exception:
            _LOG.exception("loading %s failed", workload.folder.name)
            message = "The model could not be loaded; the engine's log has the reason."
            error = ApiError(500, "model_load_failed", message, param="model")
        if error is not None:
            workload.closing_when_idle = False
            self._abort()
            workload.fail_waiting(error)

    def _on_loaded(self, workload: Workload) -> None:
        began, workload.last_used = workload.load_times[0], self._clock()
        workload.load_times = (began, workload.last_used)
        _LOG.info("loaded %s in %.2f s", workload.folder.name, workload.last_used - began)
        self._guard.apply_limits()
        workload.waiting.end_loads()

    def _abort(self) -> None:
        if self._steps is not None:
            self._steps.close()
            self._steps = self._reporter = self.loading = None
            self._guard.release()

    def _refusal(self, workload: Workload) -> ApiError | None:
        try:
            self._guard.check_load(workload.folder)
        except ApiError as error:
            return without_traceback(error)
        return None

    def _can_make_room(self, error: ApiError) -> bool:
        """Whether unloading others may help; it does not where the machine is too small."""
        models = [each.model for each in self._workloads() if each.model is not None]
        if not models:
            return False
        needed, available = error.figures.get("needed"), error.figures.get("available")
        if needed is None or available is None:
            return True
        return needed <= available + sum(model.resident_bytes for model in models)

    def _idle(self) -> list[Workload]:
        """Models that nothing runs on, that which was used longest ago first."""
        loaded = [each for each in self._workloads() if each.model is not None]
        idle = [each for each in loaded if not each.running]
        return sorted(idle, key=lambda each: each.last_used)
