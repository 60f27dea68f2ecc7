"""The model's thread: commands, refusals, the end. No model is needed."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.outputs import Output, Text
from acp_agent.engine.host.requests import ChatRequest, parse_request
from acp_agent.engine.host.worker import QUEUE_LIMIT, Job, LoadJob, Worker

pytestmark = pytest.mark.anyio

REQUEST: ChatRequest = parse_request(
    b'{"model": "any", "messages": [{"role": "user", "content": "hi"}]}'
)


class FakeScheduler:
    """Notes what it is told; ``threads`` are those it was called on.

    Jobs named "endless" go on until they are withdrawn; all others say their name and end.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.jobs: list[Job] = []
        self.on_step: Callable[[], None] = lambda: None
        self.delay: float | None = None
        self.closed = False

    def note(self, *words: object) -> None:
        self.threads.add(threading.current_thread())
        self.told.append(" ".join(str(word) for word in words))

    def prepare(self) -> None:
        self.note("prepare")

    def submit(self, job: Job) -> None:
        self.note("submit", job.model.name)
        self.jobs.append(job)

    def request_load(self, job: LoadJob) -> None:
        self.note("load", job.model.name)
        job.channel.finish()

    def withdraw(self, job: Job | LoadJob) -> None:
        self.note("withdraw", job.model.name)
        if job in self.jobs:
            self.jobs.remove(job)
        job.channel.finish()

    def resume(self, job: Job) -> None:
        self.note("resume", job.model.name)

    def unload(self, model: Path | None) -> None:
        self.note("unload", model)

    def forget(self, key: str) -> None:
        self.note("forget", key)

    def step(self) -> float | None:
        self.threads.add(threading.current_thread())
        for job in [each for each in self.jobs if each.model.name != "endless"]:
            self.jobs.remove(job)
            job.channel.put(Text(job.model.name))
            job.channel.finish()
        self.on_step()
        return self.delay

    def status(self) -> dict[str, Any]:
        return {"state": "busy", "queued_requests": len(self.jobs)}

    def close(self) -> None:
        self.note("close")
        self.closed = True


@pytest.fixture
def engine() -> FakeScheduler:
    return FakeScheduler()


@pytest.fixture
def worker(engine: FakeScheduler) -> Iterator[Worker]:
    worker = Worker(engine)
    worker.start()
    yield worker
    worker.end()


def new_job(name: str, limit: int = 8) -> Job:
    channel: Channel[Output] = Channel(limit)
    return Job(REQUEST, Path(name), channel)


async def read(job: Job | LoadJob) -> list[Output]:
    outputs: list[Output] = []
    with anyio.fail_after(10):
        while items := await job.channel.receive():
            outputs += items
    return outputs


async def test_one_thread_does_it_all_in_order(worker: Worker, engine: FakeScheduler) -> None:
    jobs = [new_job(str(number)) for number in range(3)]
    for job in jobs:
        worker.submit(job)
    assert [await read(job) for job in jobs] == [[Text(str(number))] for number in range(3)]
    load = LoadJob(Path("m"), Channel())
    worker.request_load(load)
    assert await read(load) == []
    worker.request_unload(None)
    worker.forget("key")
    last = new_job("last")
    worker.submit(last)
    await read(last)
    worker.end()
    assert engine.told == [
        *("prepare", "submit 0", "submit 1", "submit 2", "load m"),
        *("unload None", "forget key", "submit last", "close"),
    ]
    [thread] = engine.threads
    assert thread is not threading.main_thread()
    assert not thread.is_alive()
    assert not thread.daemon


async def test_withdrawing_abandons_at_once_and_once(worker: Worker, engine: FakeScheduler) -> None:
    job = new_job("endless")
    worker.submit(job)
    worker.withdraw(job)
    assert job.channel.abandoned
    worker.withdraw(job)
    await read(job)
    worker.end()
    assert engine.told.count("withdraw endless") == 1


async def test_room_in_a_channel_is_told(worker: Worker, engine: FakeScheduler) -> None:
    job = new_job("endless", limit=2)
    resumed = threading.Event()
    engine.on_step = lambda: resumed.set() if "resume endless" in engine.told else None
    worker.submit(job)
    job.channel.put(Text("a"))
    await job.channel.receive()
    job.channel.put(Text("b"))
    job.channel.put(Text("c"))
    await job.channel.receive()
    assert await to_thread.run_sync(resumed.wait, 10)
    assert engine.told.count("resume endless") == 1


async def test_steps_go_on_while_they_are_due(worker: Worker, engine: FakeScheduler) -> None:
    enough = threading.Event()
    steps: list[int] = []

    def count() -> None:
        steps.append(1)
        if len(steps) == 50:
            engine.delay = None
            enough.set()

    engine.delay, engine.on_step = 0.001, count
    worker.forget("wake up")
    assert await to_thread.run_sync(enough.wait, 10)
    worker.end()
    assert len(steps) == 50


async def test_what_waits_is_counted_at_once_and_bounded(
    worker: Worker, engine: FakeScheduler
) -> None:
    holding, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        holding.set()
        go_on.wait(10)

    engine.on_step = hold
    worker.forget("wake up")
    assert await to_thread.run_sync(holding.wait, 10)
    jobs = [new_job("endless") for _ in range(QUEUE_LIMIT)]
    for job in jobs:
        worker.submit(job)
    assert worker.status()["queued_requests"] == QUEUE_LIMIT
    with pytest.raises(ApiError, match="Too many") as refused:
        worker.submit(new_job("one too many"))
    assert (refused.value.status, refused.value.code) == (503, "engine_busy")
    go_on.set()
    worker.withdraw(jobs[0])
    await read(jobs[0])
    worker.submit(new_job("fits"))


async def test_draining_refuses_new_jobs_and_leaves_the_others(
    worker: Worker, engine: FakeScheduler
) -> None:
    running = new_job("endless")
    worker.submit(running)
    assert not worker.status()["draining"]
    worker.drain()
    assert worker.status()["draining"]
    with pytest.raises(ApiError, match="shutting down"):
        worker.submit(new_job("late"))
    with pytest.raises(ApiError, match="shutting down"):
        worker.request_load(LoadJob(Path("m"), Channel()))
    assert not running.channel.abandoned


async def test_stopping_ends_all_and_refuses_more(worker: Worker, engine: FakeScheduler) -> None:
    running = new_job("endless")
    worker.submit(running)
    worker.stop()
    assert await read(running) == []
    assert running.channel.abandoned
    with pytest.raises(ApiError, match="shutting down"):
        worker.submit(new_job("late"))
    worker.end()
    assert engine.closed


async def test_a_thread_that_fails_ends_its_jobs_and_says_so(engine: FakeScheduler) -> None:
    def fail() -> None:
        raise RuntimeError("private")

    failed = threading.Event()
    worker = Worker(engine, on_failure=failed.set)
    engine.on_step = fail
    job = new_job("endless")
    worker.submit(job)
    worker.start()
    assert await read(job) == []
    assert await to_thread.run_sync(failed.wait, 10)
    worker.end()
    assert engine.closed


def test_a_worker_that_never_started_can_end(engine: FakeScheduler) -> None:
    Worker(engine).end()
    assert engine.told == []
