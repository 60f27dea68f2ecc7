"""What the engine does, as other threads may see it.

Owns making the status out of the live state, on the model's thread, and handing the last
one out to any thread. Does not own the state.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from acp_agent.engine.host.residency import Residency
from acp_agent.engine.host.sequence import Clock
from acp_agent.engine.host.workload import Workload

_EVERY = 1.0
"""Seconds for which sizes are taken to be the same: reading them takes a while."""


class Snapshots:
    """The latest status.

    Args:
        figures: the memory's sizes.
    """

    def __init__(
        self, figures: Callable[[], dict[str, int]], *, clock: Clock = time.monotonic
    ) -> None:
        self._figures = figures
        self._clock = clock
        self._seen: tuple[object, ...] | None = None
        self._sized_at = 0.0
        self._memory: dict[str, int] = {}
        self._caches: dict[Path, dict[str, int]] = {}
        self._latest: dict[str, Any] = {}

    def publish(
        self, workloads: Iterable[Workload], residency: Residency, *, at_rest: bool = False
    ) -> None:
        """Makes a new status, where anything has changed.

        Args:
            at_rest: whether it may be long before the next.
        """
        workloads = list(workloads)
        now = self._clock()
        seen = (
            (residency.loading, residency.progress, residency.unloading),
            *map(_outline, workloads),
        )
        is_old = at_rest or self._seen is None or now >= self._sized_at + _EVERY
        if seen == self._seen and not is_old:
            return
        loaded = {each.folder: each.model for each in workloads if each.model is not None}
        if is_old or loaded.keys() != self._caches.keys():
            self._sized_at, self._memory = now, self._figures()
            self._caches = {folder: model.cache.figures() for folder, model in loaded.items()}
        self._seen = seen
        running = sum(each.running + each.parked for each in workloads)
        waiting = sum(len(each.waiting) for each in workloads)
        shown = [each for each in workloads if _shows(each, residency)]
        names = Counter(each.folder.name for each in shown)
        self._latest = {
            "state": _state(residency, busy=bool(running or waiting), ready=bool(loaded)),
            "models": [
                self._describe(each, residency, is_unique=names[each.folder.name] == 1)
                for each in shown
            ],
            "active_requests": running,
            "parked_requests": sum(each.parked for each in workloads),
            "queued_requests": waiting,
            "memory": self._memory,
        }

    def _describe(
        self, workload: Workload, residency: Residency, *, is_unique: bool
    ) -> dict[str, Any]:
        running, model = workload.running + workload.parked, workload.model
        if workload is residency.loading:
            state = "loading"
        elif workload is residency.unloading:
            state = "unloading"
        else:
            state = "busy" if running else "ready"
        loaded, total = residency.progress
        progress = {"loaded_bytes": loaded, "total_bytes": total} if state == "loading" else {}
        return {
            "id": workload.folder.name,
            **({} if is_unique else {"path": _shorten(workload.folder)}),
            "state": state,
            **progress,
            "memory": 0 if model is None else model.nbytes,
            "sequences": running,
            "parked": workload.parked,
            "cache": self._caches.get(workload.folder, {}),
            "last_used": workload.last_used,
        }

    def latest(self) -> dict[str, Any]:
        """The status, ready for JSON; a new object each time."""
        now = self._clock()
        models = [dict(model) for model in self._latest["models"]]
        for model in models:
            used = model.pop("last_used")
            model["last_used_seconds_ago"] = max(0.0, round(now - used, 1))
        return {**self._latest, "models": models}


def _shows(workload: Workload, residency: Residency) -> bool:
    return workload.model is not None or workload in (residency.loading, residency.unloading)


def _shorten(folder: Path) -> str:
    """Where ``folder`` is, the user's home as ``~``."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _state(residency: Residency, *, busy: bool, ready: bool) -> str:
    if residency.loading is not None:
        return "loading"
    if residency.unloading is not None:
        return "unloading"
    if busy:
        return "busy"
    return "ready" if ready else "idle"


def _outline(workload: Workload) -> tuple[object, ...]:
    """What of a workload makes a new status; ``last_used`` alone does not."""
    return (
        workload.folder,
        workload.running,
        workload.parked,
        len(workload.waiting),
        workload.model is not None,
    )
