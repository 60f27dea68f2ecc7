"""Which models are in memory: loading for all who wait, and making room."""

from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.outputs import Failed, Progress, Queued
from tests.fixtures.random_models import (
    Bench,
    expected,
    numbers,
    outputs_of,
    random_gpt_oss,
    random_llama,
    tokens_of,
)

pytestmark = pytest.mark.anyio


async def test_all_who_wait_share_one_load() -> None:
    bench = Bench()
    jobs = [bench.submit([number, 3]) for number in range(3)]
    load = bench.request_load("llama")
    bench.step()
    assert bench.scheduler.status()["state"] == "loading"
    assert bench.model()["state"] == "loading"
    assert (bench.model()["loaded_bytes"], bench.model()["total_bytes"]) == (0, 0)
    bench.step()
    assert (bench.model()["loaded_bytes"], bench.model()["total_bytes"]) == (100, 200)
    late = bench.submit([9, 9])
    bench.begin()
    assert (bench.model()["state"], bench.model()["memory"]) == ("busy", 200)
    assert bench.model()["cache"]["bytes_limit"] > 0
    assert "loaded_bytes" not in bench.model()
    bench.run()
    assert bench.loader.begun == ["llama"]
    assert [len(await tokens_of(job)) for job in (*jobs, late)] == [8] * 4
    told = await outputs_of(load)
    assert told == [Progress("load", 0, 0), Progress("load", 200, 200)]
    again = bench.request_load("llama")
    assert await outputs_of(again) == []
    assert (bench.scheduler.status()["state"], bench.model()["state"]) == ("ready", "ready")


async def test_folders_of_the_same_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    bench = Bench()
    bench.submit(model="/home/me/models/llama")
    bench.run()
    assert "path" not in bench.model()
    bench.submit(model="/srv/llama")
    bench.submit(model="gpt_oss")
    bench.run()
    models = bench.scheduler.status()["models"]
    assert sorted((model["id"], model.get("path")) for model in models if "path" in model) == [
        ("llama", "/srv/llama"),
        ("llama", "~/models/llama"),
    ]
    assert len(models) == 3


async def test_a_load_that_nobody_waits_for_any_more_is_given_up() -> None:
    bench = Bench()
    job, load = bench.submit(), bench.request_load("llama")
    bench.step(2)
    bench.withdraw(job)
    bench.step()
    assert bench.model()["state"] == "loading"
    bench.withdraw(load)
    bench.run()
    assert bench.scheduler.status()["state"] == "idle"
    assert bench.scheduler.status()["models"] == []
    again = bench.submit()
    bench.run()
    assert len(await tokens_of(again)) == 8
    assert bench.loader.begun == ["llama", "llama"]


@pytest.mark.parametrize("error", [ApiError(400, "model_load_failed", "No."), MemoryError("x")])
async def test_a_load_that_fails_fails_its_waiters_only(error: Exception) -> None:
    bench = Bench()

    def fail() -> Any:
        raise error

    bench.loader.modules["broken"] = fail
    good = bench.submit(max_tokens=20)
    bench.begin()
    bad, load = bench.submit(model="broken"), bench.request_load("broken")
    bench.run()
    for job in (bad, load):
        [*_, failed] = await outputs_of(job)
        assert isinstance(failed, Failed)
        assert failed.error.code == "model_load_failed"
        assert failed.error.__traceback__ is None
    assert len(await tokens_of(good)) == 20
    assert bench.models() == ["llama"]


async def test_several_models_answer_at_the_same_time() -> None:
    bench = Bench()
    first = bench.submit([7, 8], max_tokens=40)
    bench.begin()
    second = bench.submit([7, 8], "gpt_oss", max_tokens=40)
    bench.run(lambda: bench.models() == ["llama", "gpt_oss"])
    bench.begin()
    assert not first.channel.finished
    bench.run()
    assert await tokens_of(first) == expected(random_llama(), [7, 8], 40)
    assert await tokens_of(second) == expected(random_gpt_oss(), [7, 8], 40)


async def test_answers_go_on_while_another_model_is_loaded() -> None:
    bench = Bench()
    bench.submit(max_tokens=40)
    bench.begin()
    bench.submit(model="gpt_oss")
    before = bench.scheduler.status()["decoded_tokens"]
    bench.step(3)
    assert bench.scheduler.status()["state"] == "loading"
    assert bench.scheduler.status()["decoded_tokens"] == before + 3


async def test_the_idle_model_used_longest_ago_makes_room() -> None:
    bench = Bench()
    bench.loader.modules["other"] = random_llama
    for model in ("llama", "gpt_oss", "llama"):
        bench.clock.now += 1
        bench.submit(model=model)
        bench.run()
    bench.guard.room = 2
    job = bench.submit(model="other")
    bench.run()
    assert len(await tokens_of(job)) == 8
    assert sorted(bench.models()) == ["llama", "other"]


async def test_a_busy_model_is_waited_for_and_what_came_later_waits_too() -> None:
    bench = Bench()
    bench.guard.room = 1
    first = bench.submit(max_tokens=30, user="a")
    bench.begin()
    second = bench.submit(model="gpt_oss", user="b")
    third = bench.submit(user="c")
    bench.step(3)
    assert bench.scheduler.status()["active_requests"] == 1
    bench.run(lambda: first.channel.finished)
    assert bench.step() == 0
    assert bench.scheduler.status()["models"][-1]["id"] == "gpt_oss"
    bench.run(lambda: second.channel.finished)
    assert not third.channel.finished
    bench.run()
    assert bench.loader.begun == ["llama", "gpt_oss", "llama"]
    told = [await outputs_of(job) for job in (first, second, third)]
    assert [len(numbers(outputs)) for outputs in told] == [30, 8, 8]
    waits = [[each.ahead for each in outputs if isinstance(each, Queued)] for outputs in told]
    assert waits == [[], [1, 0], [2, 1, 0]]


async def test_without_anything_to_unload_short_memory_is_an_error() -> None:
    bench = Bench()
    bench.guard.refusals["llama"] = ApiError(503, "memory_short", "Close some.")
    job = bench.submit()
    assert bench.step() != 0
    [failed] = await outputs_of(job)
    assert isinstance(failed, Failed)
    assert failed.error.message == "Close some."


async def test_what_can_never_fit_unloads_nothing() -> None:
    bench = Bench()
    bench.submit()
    bench.run()
    error = ApiError(503, "memory_short", "Too large.", needed=10**12, available=5)
    bench.guard.refusals["gpt_oss"] = error
    job = bench.submit(model="gpt_oss")
    bench.run()
    assert isinstance((await outputs_of(job))[-1], Failed)
    assert bench.models() == ["llama"]


async def test_answers_that_nobody_reads_do_not_keep_a_model_from_its_room() -> None:
    bench = Bench(max_sequences=1)
    bench.guard.room = 1
    for number in range(6):
        bench.submit([number, 3], limit=4)
    job = bench.submit(model="gpt_oss")
    bench.run()
    assert len(await tokens_of(job)) == 8
    assert bench.models() == ["gpt_oss"]
    status = bench.scheduler.status()
    assert (status["active_requests"], status["parked_requests"]) == (6, 6)
