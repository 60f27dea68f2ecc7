"""The one thread on which all model work happens, and what the event loop tells it.

Owns the thread's life, the commands to it, and refusing more than can wait. Does not own
what is done with them (``scheduler``); it knows nothing of mlx. The thread is not a
daemon: leaving the process while mlx computes aborts it, so ``end`` comes before the exit.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, shutting_down
from acp_agent.engine.host.outputs import Output
from acp_agent.engine.host.requests import ChatRequest

_LOG = logging.getLogger(__name__)

QUEUE_LIMIT = 64
"""Requests that may wait for their turn."""


@dataclass(slots=True, eq=False, frozen=True, repr=False)
class Job:
    """One answer to generate: from the model in folder ``model`` into ``channel``.

    No repr: the log holds no prompt.
    """

    request: ChatRequest
    model: Path
    channel: Channel[Output]


@dataclass(slots=True, eq=False, frozen=True)
class LoadJob:
    """The model in folder ``model`` is to be in memory; ``channel`` ends when it is."""

    model: Path
    channel: Channel[Output]


class SchedulerLike(Protocol):
    """The model work itself; called on the worker's thread, except for ``status``."""

    def prepare(self) -> None:
        """Does what can be done before the first job."""
        ...

    def submit(self, job: Job) -> None:
        """Lets ``job`` wait for its turn."""
        ...

    def request_load(self, job: LoadJob) -> None:
        """Loads a model for ``job``."""
        ...

    def withdraw(self, job: Job | LoadJob) -> None:
        """Ends ``job``, whose channel is abandoned, if it is not over."""
        ...

    def resume(self, job: Job) -> None:
        """Goes on with ``job``, whose reader has caught up."""
        ...

    def unload(self, model: Path | None) -> None:
        """Unloads one model, or all, as soon as nothing uses it."""
        ...

    def forget(self, key: str) -> None:
        """Drops all that is kept of session ``key``."""
        ...

    def step(self) -> float | None:
        """Does one step of everything; returns the seconds until the next one is due.

        0 means at once, None not before the next command.
        """
        ...

    def status(self) -> dict[str, Any]:
        """A snapshot, ready for JSON; any thread may ask."""
        ...

    def close(self) -> None:
        """Ends all jobs, saves and frees everything."""
        ...


class Worker:
    """Runs ``engine`` on a thread of its own.

    Every method may be called on the event loop and returns at once, but ``end``.

    Args:
        on_failure: is called on that thread when it cannot go on; all jobs have ended.
    """

    def __init__(
        self, engine: SchedulerLike, *, on_failure: Callable[[], object] | None = None
    ) -> None:
        self._engine = engine
        self._on_failure = on_failure
        self._commands: deque[Callable[[], None]] = deque()
        self._open: set[Job | LoadJob] = set()
        """Those whose reader has not withdrawn; it does so at the end, too."""
        self._unseen = 0
        """Jobs that the engine's status does not show yet."""
        self._draining = False
        self._stopping = False
        self._changed = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._work, name="model", daemon=False)

    def start(self) -> None:
        """Starts the thread; it prepares the engine at once."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queues ``job``; its reader calls ``withdraw`` when it is done with it.

        Raises:
            ApiError: 503, the queue is full or the engine is leaving.
        """
        with self._changed:
            self._check_open()
            if self._engine.status()["queued_requests"] + self._unseen >= QUEUE_LIMIT:
                raise ApiError(503, "engine_busy", "Too many requests wait; try again later.")
            self._unseen += 1
            self._open.add(job)
            job.channel.on_room = partial(self._tell, partial(self._engine.resume, job))
            self._tell(partial(self._engine.submit, job))

    def request_load(self, job: LoadJob) -> None:
        """Has a model loaded; ends ``job``'s channel when it is, at once if it was.

        Raises:
            ApiError: 503, the engine is leaving.
        """
        with self._changed:
            self._check_open()
            self._open.add(job)
            self._tell(partial(self._engine.request_load, job))

    def withdraw(self, job: Job | LoadJob) -> None:
        """Ends ``job``: in the queue, or at the next chunk or token."""
        job.channel.abandon()
        with self._changed:
            if job in self._open:
                self._open.remove(job)
                self._tell(partial(self._engine.withdraw, job))

    def request_unload(self, path: Path | None) -> None:
        """Unloads the model in ``path``, or all (None), as soon as nothing uses it."""
        self._tell(partial(self._engine.unload, path))

    def forget(self, key: str) -> None:
        """Drops all that is kept of session ``key``."""
        self._tell(partial(self._engine.forget, key))

    def drain(self) -> None:
        """Refuses new jobs from now on; those that are there go on."""
        with self._changed:
            self._draining = True

    def stop(self) -> None:
        """Refuses new jobs and stops all that are there."""
        with self._changed:
            self._stopping = True
            for job in self._open:
                job.channel.abandon()
                job.channel.finish()
            self._changed.notify_all()

    def end(self) -> None:
        """Stops, and waits until the thread has freed everything and ended."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def status(self) -> dict[str, Any]:
        """A snapshot of the engine, ready for JSON."""
        with self._changed:
            status = self._engine.status()
            status["queued_requests"] += self._unseen
            status["draining"] = self._draining or self._stopping
        return status

    def _check_open(self) -> None:
        if self._draining or self._stopping:
            raise shutting_down()

    def _tell(self, command: Callable[[], None]) -> None:
        with self._changed:
            self._commands.append(command)
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            self._engine.prepare()
            delay: float | None = 0.0
            while (taken := self._run_commands(delay)) is not None:
                delay = self._engine.step()
                with self._changed:
                    self._unseen -= taken
        except Exception:
            _LOG.exception("the model thread failed")
            self.stop()
            if self._on_failure is not None:
                self._on_failure()
        finally:
            self._engine.close()

    def _run_commands(self, delay: float | None) -> int | None:
        """Waits for commands, at most ``delay`` seconds, and runs them.

        Returns:
            How many jobs were among them; None once it is time to leave.
        """
        with self._changed:
            if not self._commands and not self._stopping and delay != 0:
                self._changed.wait(delay)
            if self._stopping:
                return None
            commands = list(self._commands)
            self._commands.clear()
            taken = self._unseen
        for command in commands:
            command()
        return taken
