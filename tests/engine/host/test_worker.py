"""The model's thread: order, withdrawal, failures, the end. No model is needed."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from acp_agent.engine.host.api import ChatRequest, Failed, Output, Text, parse_request
from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.worker import QUEUE_LIMIT, Job, Worker

pytestmark = pytest.mark.anyio

REQUEST: ChatRequest = parse_request(
    b'{"model": "any", "messages": [{"role": "user", "content": "hi"}]}'
)


class FakeRunner:
    """Runs a function for each model name; ``threads`` are those it was called on."""

    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[Job], None]] = {}
        self.order: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.closed = False

    def prepare(self) -> None:
        self.threads.add(threading.current_thread())

    def run(self, job: Job) -> None:
        self.threads.add(threading.current_thread())
        self.order.append(job.model.name)
        self.jobs[job.model.name](job)

    def close(self) -> None:
        self.threads.add(threading.current_thread())
        self.closed = True


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def worker(runner: FakeRunner) -> Iterator[Worker]:
    worker = Worker(runner)
    worker.start()
    yield worker
    worker.end()


def new_job(name: str) -> Job:
    channel: Channel[Output] = Channel()
    return Job(REQUEST, Path(name), channel)


async def read(job: Job) -> list[Output]:
    outputs: list[Output] = []
    with anyio.fail_after(10):
        while items := await job.channel.receive():
            outputs += items
    return outputs


def wait_for_abandon(job: Job) -> None:
    while True:
        job.channel.put(Text("x"))


async def test_one_thread_does_it_all_in_order(worker: Worker, runner: FakeRunner) -> None:
    jobs = [new_job(str(number)) for number in range(5)]
    for job in jobs:
        runner.jobs[job.model.name] = lambda job: job.channel.put(Text(job.model.name))
        worker.submit(job)
    assert [await read(job) for job in jobs] == [[Text(str(number))] for number in range(5)]
    worker.end()
    assert runner.order == ["0", "1", "2", "3", "4"]
    assert runner.closed
    assert len(runner.threads) == 1
    assert not next(iter(runner.threads)).is_alive()


async def test_withdrawn_jobs_are_never_run(worker: Worker, runner: FakeRunner) -> None:
    runner.jobs = {"first": wait_for_abandon, "last": lambda job: None}
    first, second, last = new_job("first"), new_job("second"), new_job("last")
    for job in (first, second, last):
        worker.submit(job)
    with anyio.fail_after(10):
        await first.channel.receive()
    worker.withdraw(second)
    assert worker.queued == 1
    worker.withdraw(first)
    assert await read(last) == []
    assert runner.order == ["first", "last"]


@pytest.mark.parametrize("error", [bad_request("No."), RuntimeError("private"), MemoryError()])
async def test_failing_job_ends_with_its_error(
    worker: Worker, runner: FakeRunner, error: Exception
) -> None:
    def fail(job: Job) -> None:
        raise error

    runner.jobs = {"bad": fail, "good": lambda job: job.channel.put(Text("fine"))}
    bad, good = new_job("bad"), new_job("good")
    worker.submit(bad)
    worker.submit(good)
    [failed] = await read(bad)
    assert isinstance(failed, Failed)
    assert failed.error is error or failed.error.code == "model_failed"
    assert "private" not in failed.error.message
    assert await read(good) == [Text("fine")]


async def test_stopping_ends_all_and_refuses_more(worker: Worker, runner: FakeRunner) -> None:
    runner.jobs = {"running": wait_for_abandon}
    running, waiting = new_job("running"), new_job("waiting")
    worker.submit(running)
    worker.submit(waiting)
    with anyio.fail_after(10):
        await running.channel.receive()
    worker.end()
    assert await read(waiting) == []
    assert set(await read(running)) <= {Text("x")}
    assert runner.order == ["running"]
    with pytest.raises(ApiError, match="shutting down"):
        worker.submit(new_job("late"))


async def test_queue_is_bounded(worker: Worker, runner: FakeRunner) -> None:
    runner.jobs = {"running": wait_for_abandon}
    running = new_job("running")
    worker.submit(running)
    with anyio.fail_after(10):
        await running.channel.receive()
    for _ in range(QUEUE_LIMIT):
        worker.submit(new_job("waiting"))
    with pytest.raises(ApiError, match="Too many"):
        worker.submit(new_job("one too many"))
