"""The one model in memory: when it comes and when it goes. No torch is needed."""

from pathlib import Path

import pytest

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.outputs import Failed, Output
from acp_agent.engine.host.worker import LoadJob
from tests.fixtures.fake_mythos import (
    ALPHABET,
    Bench,
    end_of,
    error_of,
    outputs_of,
    text_of,
)

pytestmark = pytest.mark.anyio


async def test_parked_answer_goes_on_after_its_model_went() -> None:
    bench = Bench(unload_after=10)
    slow = bench.submit(limit=5)
    bench.run()
    bench.now += 11
    bench.run()
    assert bench.scheduler.status()["models"] == []
    other = bench.submit(variant="other", max_tokens=1)
    bench.run()
    text = text_of(await outputs_of(slow))
    bench.scheduler.resume(slow)
    bench.run()
    assert [model.spec.variant for model in bench.models] == ["tiny", "other", "tiny"]
    assert text + text_of(await outputs_of(slow)) == ALPHABET[:10]
    assert (await end_of(other))[0] == "a"


async def test_one_model_at_a_time_in_the_order_of_arrival() -> None:
    bench = Bench()
    first = bench.submit(max_tokens=3)
    second = bench.submit(variant="other", max_tokens=3)
    third = bench.submit(max_tokens=3)
    bench.run()
    assert [model.spec.variant for model in bench.models] == ["tiny", "other", "tiny"]
    assert [(await end_of(job))[0] for job in (first, second, third)] == ["abc"] * 3


async def test_checkpoint_device_and_tokenizer_make_another_model() -> None:
    bench = Bench()
    for options in ({}, {"checkpoint": "/a"}, {"device": "cpu"}, {"tokenizer": "/b"}, {}):
        bench.submit(mythos=options, max_tokens=1)
        bench.run()
    assert len(bench.models) == 5


async def test_failed_load_fails_those_who_wait_for_it() -> None:
    bench = Bench()
    bench.refusal = ApiError(503, "memory_short", "too large")
    jobs = [bench.submit(), bench.submit()]
    bench.run()
    for job in jobs:
        assert (await error_of(job)).code == "memory_short"
    assert bench.scheduler.status()["state"] == "idle"
    bench.refusal = None
    job = bench.submit(max_tokens=1)
    bench.run()
    assert (await end_of(job))[0] == "a"


async def test_load_that_nobody_waits_for_is_given_up() -> None:
    bench = Bench()
    job = bench.submit()
    bench.step()
    status = bench.scheduler.status()
    assert (status["state"], status["models"][0]["loaded_bytes"]) == ("loading", 1)
    bench.scheduler.withdraw(job)
    bench.run()
    assert (bench.models, bench.scheduler.status()["models"]) == ([], [])
    assert bench.guard.released


async def test_idle_model_goes_when_it_is_time() -> None:
    bench = Bench(unload_after=10)
    bench.submit(max_tokens=1)
    bench.run()
    assert bench.delay == 5
    bench.now += 9
    bench.run()
    assert bench.scheduler.status()["models"][0]["last_used_seconds_ago"] == 9
    assert bench.delay == 1
    bench.now += 1
    bench.run()
    assert bench.scheduler.status()["models"] == []
    assert bench.delay is None


@pytest.mark.parametrize("name", [None, "tiny"])
async def test_unloading_waits_for_what_runs(name: str | None) -> None:
    bench = Bench()
    job, later = bench.submit(), bench.submit(max_tokens=1, prompt_cache_key="s")
    bench.step(4)
    bench.scheduler.unload(Path("/models/tiny"))
    bench.scheduler.unload(Path("other"))
    bench.scheduler.unload(None if name is None else Path(name))
    waiting = bench.submit(max_tokens=1)
    bench.run()
    assert [(await end_of(each))[0] for each in (job, later, waiting)] == [ALPHABET, "a", "a"]
    assert len(bench.models) == 2


async def test_critical_pressure_takes_an_idle_model() -> None:
    bench = Bench()
    bench.submit(max_tokens=1)
    bench.run()
    bench.guard.pressure = Pressure.CRITICAL
    bench.run()
    assert bench.scheduler.status()["models"] == []
    waiting = bench.submit()
    bench.run()
    assert bench.delay == 1
    bench.guard.pressure = Pressure.NORMAL
    bench.run()
    assert (await end_of(waiting))[0] == ALPHABET


async def test_load_alone_is_refused() -> None:
    job = LoadJob(Path("tiny"), Channel[Output]())
    Bench().scheduler.request_load(job)
    (failed,) = await job.channel.receive()
    assert isinstance(failed, Failed)
