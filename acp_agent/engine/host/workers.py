"""The threads that models work on, as one.

Owns which thread a job goes to, starting the second one when it is first needed, and one
status for both. Does not own what they do (``worker``).
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acp_agent.engine.host.worker import Job, LoadJob, Worker

_STATES = ("loading", "unloading", "busy", "ready", "idle")
"""The state of both is the first of these that one of them is in."""
_COUNTS = (
    "active_requests",
    "parked_requests",
    "queued_requests",
    "decoded_tokens",
    "prefilled_tokens",
    "cached_tokens",
)


class Workers:
    """MLX's thread and PyTorch's; as ``routes.base.Work``.

    Args:
        mlx: for all models that are folders.
        mythos: for requests that say ``mythos``; started with the first of them, so that
            PyTorch is not imported else.
    """

    def __init__(self, mlx: Worker, mythos: Worker) -> None:
        self._mlx = mlx
        self._mythos = mythos
        self._starting = threading.Lock()
        self._is_started = False

    def start(self) -> None:
        """Starts MLX's thread."""
        self._mlx.start()

    def submit(self, job: Job) -> None:
        """As ``Worker.submit``."""
        if job.request.mythos is None:
            self._mlx.submit(job)
            return
        self._mythos.submit(job)
        with self._starting:
            if not self._is_started:
                self._mythos.start()
                self._is_started = True

    def request_load(self, job: LoadJob) -> None:
        """As ``Worker.request_load``; models of mythos are loaded by their first job."""
        self._mlx.request_load(job)

    def withdraw(self, job: Job | LoadJob) -> None:
        """As ``Worker.withdraw``."""
        is_mythos = isinstance(job, Job) and job.request.mythos is not None
        (self._mythos if is_mythos else self._mlx).withdraw(job)

    def request_unload(self, path: Path | None) -> None:
        """As ``Worker.request_unload``; a variant of mythos is named without a folder."""
        self._mlx.request_unload(path)
        if self._is_started:
            self._mythos.request_unload(path)

    def forget(self, key: str) -> None:
        """As ``Worker.forget``."""
        self._mlx.forget(key)
        if self._is_started:
            self._mythos.forget(key)

    def drain(self) -> None:
        """As ``Worker.drain``."""
        self._mlx.drain()
        self._mythos.drain()

    def stop(self) -> None:
        """As ``Worker.stop``."""
        self._mlx.stop()
        self._mythos.stop()

    def end(self) -> None:
        """As ``Worker.end``."""
        self.stop()
        self._mythos.end()
        self._mlx.end()

    def status(self) -> dict[str, Any]:
        """One status of both; the memory is the process's."""
        return _merge(self._mlx.status(), self._mythos.status())


def _merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    states = (first["state"], second["state"])
    return {
        **first,
        "state": next(state for state in _STATES if state in states),
        "models": [*first["models"], *second["models"]],
        "draining": first["draining"] or second["draining"],
        **{name: first[name] + second[name] for name in _COUNTS},
    }
