"""Two threads as one: who gets what, and one status. No model is needed."""

import json
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.outputs import Output, Text
from acp_agent.engine.host.requests import parse_request
from acp_agent.engine.host.worker import Job, LoadJob, Worker
from acp_agent.engine.host.workers import Workers

pytestmark = pytest.mark.anyio

COUNTS = (
    "active_requests",
    "parked_requests",
    "queued_requests",
    "decoded_tokens",
    "prefilled_tokens",
    "cached_tokens",
)


class FakeScheduler:
    """Says its name to every job; ``told`` is what else it heard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "idle"
        self.count = 0
        self.told: list[str] = []
        self.heard = threading.Event()

    def prepare(self) -> None:
        self.told.append("prepare")

    def submit(self, job: Job) -> None:
        job.channel.put(Text(self.name))
        job.channel.finish()

    def request_load(self, job: LoadJob) -> None:
        self.told.append("load")
        job.channel.finish()

    def withdraw(self, job: Job | LoadJob) -> None:
        self.told.append("withdraw")
        self.heard.set()

    def resume(self, job: Job) -> None: ...

    def unload(self, model: Path | None) -> None:
        self.told.append(f"unload {model}")

    def forget(self, key: str) -> None:
        self.told.append(f"forget {key}")
        self.heard.set()

    def step(self) -> float | None:
        return None

    def status(self) -> dict[str, Any]:
        counts = dict.fromkeys(COUNTS, self.count)
        return {"state": self.state, "models": [self.name], "memory": {self.name: 1}, **counts}

    def close(self) -> None:
        self.told.append("close")


class Pair:
    """Workers over two fake schedulers."""

    def __init__(self) -> None:
        self.mlx, self.mythos = FakeScheduler("mlx"), FakeScheduler("mythos")
        self.workers = Workers(Worker(self.mlx), Worker(self.mythos))
        self.workers.start()

    def job(self, mythos: object = None) -> Job:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "mythos": mythos}
        return Job(parse_request(json.dumps(body).encode()), Path("m"), Channel[Output]())

    async def answer(self, job: Job) -> list[Output]:
        self.workers.submit(job)
        with anyio.fail_after(10):
            return await job.channel.receive()

    async def wait(self, scheduler: FakeScheduler) -> None:
        assert await to_thread.run_sync(scheduler.heard.wait, 10)
        scheduler.heard.clear()


@pytest.fixture
def pair() -> Pair:
    return Pair()


async def test_request_says_whose_it_is(pair: Pair) -> None:
    assert await pair.answer(pair.job()) == [Text("mlx")]
    assert pair.mythos.told == []
    assert await pair.answer(pair.job({})) == [Text("mythos")]
    assert await pair.answer(pair.job({"n_loops": 2})) == [Text("mythos")]
    pair.workers.end()
    assert pair.mlx.told == pair.mythos.told == ["prepare", "close"]


async def test_withdrawal_goes_where_the_job_went(pair: Pair) -> None:
    for job, scheduler in ((pair.job(), pair.mlx), (pair.job({}), pair.mythos)):
        await pair.answer(job)
        pair.workers.withdraw(job)
        await pair.wait(scheduler)
    load = LoadJob(Path("m"), Channel[Output]())
    pair.workers.request_load(load)
    with anyio.fail_after(10):
        assert await load.channel.receive() == []
    pair.workers.withdraw(load)
    await pair.wait(pair.mlx)
    pair.workers.end()
    assert "load" not in pair.mythos.told


async def test_both_hear_of_unloading_and_forgetting_once_both_run(pair: Pair) -> None:
    pair.workers.request_unload(None)
    pair.workers.forget("before")
    await pair.wait(pair.mlx)
    await pair.answer(pair.job({}))
    pair.workers.request_unload(Path("m"))
    pair.workers.forget("s")
    for scheduler in (pair.mlx, pair.mythos):
        await pair.wait(scheduler)
    pair.workers.end()
    assert pair.mlx.told[1:5] == ["unload None", "forget before", "unload m", "forget s"]
    assert pair.mythos.told[1:3] == ["unload m", "forget s"]


@pytest.mark.parametrize("refuse", ["drain", "stop"])
async def test_leaving_engine_starts_no_second_thread(refuse: str, pair: Pair) -> None:
    getattr(pair.workers, refuse)()
    for job in (pair.job(), pair.job({})):
        with pytest.raises(ApiError) as caught:
            pair.workers.submit(job)
        assert caught.value.code == "engine_stopping"
    assert pair.workers.status()["draining"] is True
    pair.workers.end()
    assert pair.mythos.told == []


@pytest.mark.parametrize(
    ("mlx", "mythos", "both"),
    [
        ("idle", "idle", "idle"),
        ("idle", "ready", "ready"),
        ("busy", "ready", "busy"),
        ("ready", "loading", "loading"),
        ("unloading", "busy", "unloading"),
    ],
)
async def test_one_status(mlx: str, mythos: str, both: str, pair: Pair) -> None:
    pair.mlx.state, pair.mythos.state = mlx, mythos
    pair.mlx.count, pair.mythos.count = 3, 4
    status = pair.workers.status()
    pair.workers.end()
    assert (status["state"], status["models"]) == (both, ["mlx", "mythos"])
    assert [status[name] for name in COUNTS] == [7] * len(COUNTS)
    assert (status["memory"], status["draining"]) == ({"mlx": 1}, False)
