"""Models leave memory: idle, told to, or for want of memory; and what becomes of their work."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host import scheduler
from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.outputs import Output, Queued
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


@pytest.mark.parametrize("make", [random_llama, random_gpt_oss])
async def test_idle_models_go_and_nothing_of_them_stays(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    bench = Bench(unload_after=100)
    bench.loader.cache_folder = tmp_path
    kept: list[weakref.ref[Any]] = []

    def make_watched() -> Any:
        module = make()
        kept.append(weakref.ref(module))
        return module

    bench.loader.modules["llama"] = make_watched
    job = bench.submit(prompt_cache_key="s")
    bench.run()
    first = await tokens_of(job)
    bench.clock.now += 99
    assert bench.step() == 1.0
    bench.clock.now += 1
    bench.run()
    assert bench.step() is None
    assert bench.models() == []
    assert bench.guard.released == 1
    gc.collect()
    assert kept[0]() is None
    longer = [5, 6, 7, *first, 8]
    again = bench.submit(longer, prompt_cache_key="s")
    bench.run()
    assert await tokens_of(again) == expected(make(), longer, 8)
    assert bench.scheduler.status()["cached_tokens"] == 11


async def test_never_means_never() -> None:
    bench = Bench(unload_after=None)
    bench.submit()
    bench.run()
    bench.clock.now += 10**9
    assert bench.step()
    assert bench.models() == ["llama"]


async def test_unloading_on_demand_waits_for_what_runs() -> None:
    bench = Bench()
    bench.submit(model="gpt_oss", max_tokens=60)
    bench.begin()
    job = bench.submit(max_tokens=20)
    bench.run(lambda: len(bench.models()) == 2)
    bench.begin()
    bench.scheduler.unload(Path("other"))
    bench.scheduler.unload(Path("llama"))
    later = bench.submit([1, 2])
    bench.begin()
    assert bench.models() == ["gpt_oss", "llama"]
    bench.run()
    assert bench.loader.begun == ["gpt_oss", "llama", "llama"]
    told = [await outputs_of(each) for each in (job, later)]
    assert [len(numbers(outputs)) for outputs in told] == [20, 8]
    assert [each.ahead for each in told[1] if isinstance(each, Queued)] == [1, 0]
    bench.scheduler.unload(None)
    bench.run()
    assert bench.models() == []


async def test_pressure_unloads_what_was_not_used_for_a_minute() -> None:
    bench = Bench()
    bench.submit()
    bench.run()
    bench.guard.pressure = Pressure.FULL
    bench.clock.now += 59
    bench.step()
    assert bench.models() == ["llama"]
    bench.clock.now += 1
    bench.step()
    assert bench.models() == []


async def test_need_unloads_at_once_but_not_what_runs() -> None:
    bench = Bench()
    job = bench.submit(max_tokens=20)
    bench.begin()
    bench.guard.pressure = Pressure.CRITICAL
    bench.step()
    assert bench.models() == ["llama"]
    bench.run()
    assert len(await tokens_of(job)) == 20
    assert bench.models() == []


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
async def test_a_parked_answer_does_not_keep_a_model_and_goes_on_later(
    model: str, tmp_path: Path
) -> None:
    bench = Bench(unload_after=100)
    bench.loader.cache_folder = tmp_path
    job = bench.submit([7, 8], model, max_tokens=30, limit=12, prompt_cache_key="s")
    bench.run()
    bench.clock.now += 100
    bench.step()
    assert (bench.models(), len(list(tmp_path.iterdir()))) == ([], 1)
    received: list[Output] = []
    while items := await job.channel.receive():
        received += items
        bench.scheduler.resume(job)
        bench.run()
    module = random_llama() if model == "llama" else random_gpt_oss()
    assert numbers(received) == expected(module, [7, 8], 30)
    assert bench.loader.begun == [model, model]


async def test_a_forgotten_session_is_kept_nowhere(tmp_path: Path) -> None:
    bench = Bench()
    bench.loader.cache_folder = tmp_path
    job = bench.submit(prompt_cache_key="s", max_tokens=30)
    bench.begin()
    bench.scheduler.forget("s")
    bench.run()
    assert len(await tokens_of(job)) == 30
    bench.scheduler.unload(None)
    bench.step()
    assert (list(tmp_path.iterdir()), bench.loader.forgotten) == ([], ["s"])


async def test_closing_saves_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The thread of the tests goes on to use mlx.
    monkeypatch.setattr(scheduler, "leave_thread", lambda: None)
    bench = Bench()
    bench.loader.cache_folder = tmp_path
    jobs = [bench.submit([number, 4], prompt_cache_key=str(number)) for number in range(2)]
    bench.begin()
    bench.begin()
    bench.scheduler.close()
    assert [job.channel.finished for job in jobs] == [True, True]
    assert (len(list(tmp_path.iterdir())), bench.models()) == (2, [])


async def test_unloading_what_is_being_loaded_waits_for_those_who_wait() -> None:
    bench = Bench(max_sequences=1)
    jobs = [bench.submit([number, 3]) for number in range(3)]
    bench.step(2)
    assert bench.scheduler.status()["state"] == "loading"
    bench.scheduler.unload(Path("llama"))
    bench.run()
    assert [len(await tokens_of(job)) for job in jobs] == [8, 8, 8]
    assert (bench.models(), bench.loader.begun) == ([], ["llama"])
    bench.submit()
    bench.run()
    assert bench.models() == ["llama"]


@pytest.mark.parametrize("gone", [False, True])
async def test_of_load_and_unload_the_last_word_counts(gone: bool) -> None:
    bench = Bench()
    bench.request_load("llama")
    bench.step()
    bench.scheduler.unload(None)
    if not gone:
        bench.request_load("llama")
    bench.run()
    assert bench.models() == ([] if gone else ["llama"])


async def test_a_load_that_was_given_up_leaves_no_order_behind() -> None:
    bench = Bench(max_sequences=1)
    slow = bench.submit([7, 8], limit=4)
    bench.run()
    bench.scheduler.unload(None)
    bench.run()
    load = bench.request_load("llama")
    bench.step()
    bench.scheduler.unload(None)
    bench.withdraw(load)
    bench.run()
    assert bench.loader.begun == ["llama", "llama"]
    await slow.channel.receive()
    bench.scheduler.resume(slow)
    bench.run()
    assert bench.models() == ["llama"]


async def test_what_pressure_frees_goes_to_the_system() -> None:
    bench = Bench()
    bench.guard.pressure = Pressure.FULL
    bench.step()
    assert bench.guard.released == 0
    bench.guard.pressure = Pressure.NORMAL
    bench.submit()
    bench.run()
    assert bench.model()["cache"]["lines"] == 0 or bench.step()
    bench.guard.pressure = Pressure.FULL
    bench.step()
    assert bench.guard.released == 1
    bench.clock.now += 5
    bench.step()
    assert (bench.model()["cache"]["lines"], bench.guard.released) == (0, 1)


@pytest.mark.parametrize(("wanted", "goes"), [("llama", True), ("other", False)])
async def test_a_name_means_a_folder_wherever_it_is(wanted: str, goes: bool) -> None:
    bench = Bench()
    bench.submit()
    bench.run()
    bench.scheduler.unload(Path(wanted))
    bench.run()
    assert (bench.models() == []) is goes
