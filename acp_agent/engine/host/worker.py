"""The one thread on which all model work happens, and the queue in front of it.

Owns the thread's life, the order of jobs and their withdrawal. Does not own what a job
does (``runner``); it knows nothing of mlx. The thread is not a daemon: leaving the
process while mlx computes aborts it, so ``end`` comes before the exit.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from acp_agent.engine.host.api import ChatRequest, Failed, Output
from acp_agent.engine.host.channel import Abandoned, Channel
from acp_agent.engine.host.errors import ApiError, shutting_down

_LOG = logging.getLogger(__name__)

QUEUE_LIMIT = 64


@dataclass(slots=True, eq=False, frozen=True)
class Job:
    """One answer to generate: from the model in folder ``model`` into ``channel``."""

    request: ChatRequest
    model: Path
    channel: Channel[Output]


class Runner(Protocol):
    """The model work itself; every method is called on the worker's thread."""

    def prepare(self) -> None:
        """Does what can be done before the first job."""
        ...

    def run(self, job: Job) -> None:
        """Runs ``job`` into its channel; raises ``Abandoned`` or ``ApiError``."""
        ...

    def close(self) -> None:
        """Frees the model and waits for what mlx still computes."""
        ...


class Worker:
    """Runs jobs one after the other, first come, first served."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._queue: deque[Job] = deque()
        self._running: Job | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="model", daemon=False)

    @property
    def active(self) -> int:
        """Jobs on the thread now: 0 or 1."""
        return int(self._running is not None)

    @property
    def queued(self) -> int:
        """Jobs waiting."""
        return len(self._queue)

    def start(self) -> None:
        """Starts the thread; it prepares the runner at once."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queues ``job``.

        Raises:
            ApiError: 503, the queue is full or the engine is leaving.
        """
        with self._changed:
            if self._stopping:
                raise shutting_down()
            if len(self._queue) >= QUEUE_LIMIT:
                raise ApiError(503, "engine_busy", "Too many requests wait; try again later.")
            self._queue.append(job)
            self._changed.notify_all()

    def is_ahead_of(self, job: Job) -> bool:
        """Whether another job runs while ``job`` waits."""
        with self._changed:
            return self._running is not None and self._running is not job

    def withdraw(self, job: Job) -> None:
        """Takes ``job`` out of the queue, or stops it at its next look at the channel."""
        with self._changed:
            if job in self._queue:
                self._queue.remove(job)
        job.channel.abandon()

    def stop(self) -> None:
        """Refuses new jobs and stops all that are there; returns at once."""
        with self._changed:
            self._stopping = True
            jobs = [*self._queue, *([self._running] if self._running else [])]
            self._queue.clear()
            self._changed.notify_all()
        for job in jobs:
            job.channel.abandon()
            job.channel.finish()

    def end(self) -> None:
        """Stops, and waits until the thread has freed everything and ended."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._runner.prepare()
            while (job := self._next()) is not None:
                self._run(job)
                job = None  # or its messages stay in memory while we wait for the next
        except Exception:
            _LOG.exception("the model thread failed")
        finally:
            self.stop()
            self._runner.close()

    def _next(self) -> Job | None:
        with self._changed:
            self._running = None
            while not self._queue and not self._stopping:
                self._changed.wait()
            self._running = None if self._stopping else self._queue.popleft()
            return self._running

    def _run(self, job: Job) -> None:
        try:
            job.channel.check()
            self._runner.run(job)
        except Abandoned:
            _LOG.info("a request was withdrawn")
        except ApiError as error:
            _fail(job, error)
        except Exception:
            _LOG.exception("a request failed")
            message = "The model failed while answering; the engine's log has the reason."
            _fail(job, ApiError(500, "model_failed", message))
        finally:
            job.channel.finish()


def _fail(job: Job, error: ApiError) -> None:
    try:
        job.channel.put(Failed(error))
    except Abandoned:
        _LOG.info("a failed request had been withdrawn: %s", error.code)
