"""Whose turn it is: admission, fairness, places in the queue, and readers that are behind."""

import anyio
import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.outputs import Finished, Output, Queued, Text
from acp_agent.engine.host.worker import Job
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


def waits(outputs: list[Output]) -> list[int]:
    """The places told in ``outputs``."""
    return [each.ahead for each in outputs if isinstance(each, Queued)]


async def read_with(bench: Bench, job: Job) -> list[Output]:
    """All outputs of ``job``, which goes on as they are read."""
    received: list[Output] = []
    with anyio.fail_after(20):
        while items := await job.channel.receive():
            received += items
            bench.scheduler.resume(job)
            bench.run()
    return received


async def test_no_more_run_than_may_and_the_others_know_their_place() -> None:
    bench = Bench(max_sequences=2)
    jobs = [bench.submit([number, 3]) for number in range(5)]
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 2)
    status = bench.scheduler.status()
    assert (status["active_requests"], status["queued_requests"]) == (2, 3)
    bench.withdraw(jobs[2])
    bench.run()
    told = [waits(await outputs_of(job)) for job in jobs]
    assert told == [[], [], [1], [2, 1, 0], [3, 2, 1, 0]]


async def test_who_does_not_ask_is_not_told() -> None:
    bench = Bench(max_sequences=1)
    jobs = [bench.submit([number, 3], return_progress=False) for number in range(2)]
    bench.run()
    for job in jobs:
        assert {type(each) for each in await outputs_of(job)} == {Text, Finished}


async def test_clients_take_turns() -> None:
    bench = Bench(max_sequences=1)
    names = ["a", "a", "a", "b", "b", None, None]
    jobs = [bench.submit([place + 1], user=name) for place, name in enumerate(names)]
    order: list[int] = []

    def note_ends() -> bool:
        order.extend(
            place for place, job in enumerate(jobs) if job.channel.finished and place not in order
        )
        return False

    bench.run(note_ends)
    note_ends()
    assert order == [0, 3, 5, 6, 1, 4, 2]


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
@pytest.mark.parametrize("others", [0, 2])
async def test_a_reader_that_is_behind_parks_its_answer_alone(model: str, others: int) -> None:
    bench = Bench()
    rest = [bench.submit([number, 4], model, max_tokens=40) for number in range(others)]
    slow = bench.submit([7, 8], model, max_tokens=30, limit=5)
    bench.run()
    module = random_llama() if model == "llama" else random_gpt_oss()
    for number, job in enumerate(rest):
        assert await tokens_of(job) == expected(module, [number, 4], 40)
    assert bench.scheduler.status()["active_requests"] == 1
    assert bench.model(model)["parked"] == 1
    assert numbers(await read_with(bench, slow)) == expected(module, [7, 8], 30)
    assert bench.scheduler.status()["active_requests"] == 0


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
async def test_parked_answers_leave_their_place_to_others(model: str) -> None:
    """Eight keep their caches; those of the others are the store's to keep or not."""
    bench = Bench(max_sequences=2)
    jobs = [bench.submit([number, 3], model, limit=4) for number in range(12)]
    bench.run()
    bench.clock.now += 5
    bench.step()
    assert (bench.model(model)["parked"], bench.scheduler.status()["queued_requests"]) == (12, 0)
    assert bench.model(model)["cache"]["lines"] == 4
    bench.loader.caches[model].shrink(0)
    module = random_llama() if model == "llama" else random_gpt_oss()
    for number, job in enumerate(jobs):
        assert numbers(await read_with(bench, job)) == expected(module, [number, 3], 8)


async def test_resumed_answers_that_wait_count_among_those_with_caches() -> None:
    bench = Bench(max_sequences=1)
    slow = [bench.submit([number, 3], limit=4) for number in range(4)]
    bench.run()
    running = bench.submit([50, 3], max_tokens=40)
    bench.begin()
    cache = bench.loader.caches["llama"]
    assert cache.figures()["lines"] == 1
    late = [bench.submit([number, 3], limit=4) for number in (51, 52)]
    received: list[list[Output]] = []
    for job in slow:
        received.append(await job.channel.receive())
        bench.scheduler.resume(job)
    bench.run(lambda: running.channel.finished)
    bench.run(lambda: not late[1].channel.has_room)
    assert cache.figures()["lines"] == 3
    for job, outputs in zip(slow, received, strict=True):
        outputs += await read_with(bench, job)
    received += [await read_with(bench, job) for job in late]
    for number, outputs in zip((0, 1, 2, 3, 51, 52), received, strict=True):
        assert numbers(outputs) == expected(random_llama(), [number, 3], 8)


async def test_time_in_which_nobody_reads_is_not_time_of_decoding() -> None:
    bench = Bench(max_sequences=1)
    job = bench.submit([7, 8], limit=5)
    bench.run()
    bench.clock.now += 100
    [*_, end] = await read_with(bench, job)
    assert isinstance(end, Finished)
    assert end.figures.decode_seconds == 0


async def test_places_count_answers_that_end_before() -> None:
    """For a model that waits until another is idle, all answers of that one."""
    bench = Bench(max_sequences=2)
    bench.guard.room = 1
    running = [bench.submit([number, 3], max_tokens=20 + 9 * number) for number in range(2)]
    bench.begin()
    bench.begin()
    other = bench.submit(model="gpt_oss")
    later = [bench.submit([number, 4]) for number in range(2)]
    bench.run()
    told = [waits(await outputs_of(job)) for job in (*running, other, *later)]
    assert told == [[], [], [2, 1, 0], [3, 2, 1, 0], [4, 3, 2, 1, 0]]


async def test_who_waits_for_memory_alone_is_told_of_nobody() -> None:
    bench = Bench()
    bench.submit()
    bench.run()
    bench.guard.pressure = Pressure.CRITICAL
    jobs = [bench.submit([number, 3]) for number in range(2)]
    bench.run()
    bench.guard.pressure = Pressure.NORMAL
    bench.clock.now += 1
    bench.run()
    assert [waits(await outputs_of(job)) for job in jobs] == [[], [1, 0]]


async def test_resumed_answers_wait_for_a_place() -> None:
    bench = Bench(max_sequences=1)
    slow = bench.submit([7, 8], limit=4, max_tokens=12, user="a")
    bench.run()
    others = [bench.submit([number, 4], max_tokens=20, user="b") for number in range(2)]
    later = bench.submit([9, 9], user="a")
    bench.run(lambda: bench.scheduler.status()["active_requests"] == 2)
    received = await slow.channel.receive()
    bench.scheduler.resume(slow)
    bench.run(lambda: others[0].channel.finished)
    bench.run(lambda: bench.model()["parked"] == 1 or slow.channel.finished)
    assert not later.channel.finished
    assert not others[1].channel.finished
    bench.scheduler.resume(slow)
    received += await read_with(bench, slow)
    assert numbers(received) == expected(random_llama(), [7, 8], 12)


async def test_a_parked_answer_can_be_withdrawn() -> None:
    bench = Bench()
    job = bench.submit([7, 8], limit=4, prompt_cache_key="s")
    bench.run()
    bench.withdraw(job)
    bench.step()
    assert bench.scheduler.status()["active_requests"] == 0
    assert bench.loader.caches["llama"].note("s") == "1"


async def test_under_pressure_one_runs_and_in_need_none() -> None:
    bench = Bench()
    jobs = [bench.submit([number, 3]) for number in range(3)]
    bench.guard.pressure = Pressure.FULL
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 2)
    assert bench.scheduler.status()["active_requests"] == 1
    bench.guard.pressure = Pressure.CRITICAL
    bench.run()
    assert [job.channel.finished for job in jobs] == [True, False, False]
    assert bench.step() == 1.0
    bench.guard.pressure = Pressure.NORMAL
    bench.clock.now += 1
    bench.run()
    assert [len(await tokens_of(job)) for job in jobs] == [8, 8, 8]
