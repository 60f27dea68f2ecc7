"""Faults while answering: the guilty answer fails, and the others do not change."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

import mlx.core as mx
from mlx_lm.models.cache import BatchKVCache, KVCache

from acp_agent.engine.host.outputs import Failed, Finished, Output
from acp_agent.engine.host.worker import Job
from tests.fixtures.number_format import NumberFormat, NumberReader
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

PROMPTS = [[number * 11 + place for place in range(6 + 5 * number)] for number in range(3)]


class Poisoned:
    """A model that fails in the middle of a step that is fed ``poison``."""

    def __init__(self, module: Any, poison: int) -> None:
        self.module = module
        self.poison = poison

    def __call__(self, tokens: mx.array, cache: Any) -> mx.array:
        result: mx.array = self.module(tokens, cache=cache)
        if mx.any(tokens == self.poison).item():
            raise ValueError("private")
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


def failure(outputs: list[Output]) -> Failed:
    """The end of a job that failed."""
    assert isinstance(outputs[-1], Failed)
    return outputs[-1]


@pytest.mark.parametrize("make", [random_llama, random_gpt_oss])
async def test_of_a_batch_only_the_guilty_one_fails(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [expected(make(), prompt, 40) for prompt in PROMPTS]
    innocent = {*chain(*PROMPTS), *answers[0], *answers[2], *answers[1][:10]}
    poison = next(token for token in answers[1] if token not in innocent)
    bench = Bench()
    bench.loader.modules["llama"] = lambda: Poisoned(make(), poison)
    jobs = [bench.submit(prompt, max_tokens=40) for prompt in PROMPTS]
    bench.run()
    outputs = await outputs_of(jobs[1])
    assert failure(outputs).error.code == "model_failed"
    assert "private" not in failure(outputs).error.message
    assert await tokens_of(jobs[0]) == answers[0]
    assert await tokens_of(jobs[2]) == answers[2]
    assert bench.scheduler.status()["active_requests"] == 0
    assert caplog.text.count("a batch of") == 1
    again = bench.submit(PROMPTS[2], max_tokens=40)
    bench.run()
    assert await tokens_of(again) == answers[2]


async def test_a_prompt_that_cannot_be_read_fails_alone() -> None:
    bench = Bench()
    bench.loader.modules["llama"] = lambda: Poisoned(random_llama(), 90)
    good = bench.submit(max_tokens=4)
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 1)
    bad = bench.submit([*PROMPTS[0], 90, 1, 2, 3, 4], prompt_cache_key="s")
    bench.run()
    assert failure(await outputs_of(bad)).error.code == "model_failed"
    assert await tokens_of(good) == expected(random_llama(), [5, 6, 7], 4)
    longer = [*PROMPTS[0], 4, 3, 2]
    again = bench.submit(longer, prompt_cache_key="s", max_tokens=4)
    bench.run()
    assert await tokens_of(again) == expected(random_llama(), longer, 4)


class BrokenReader(NumberReader):
    """A reader that breaks its promise."""

    def add(self, token: int) -> Any:
        """Fails."""
        raise KeyError("private")


def broken_reader(*args: object) -> BrokenReader:
    """A ``NumberFormat.reader``."""
    return BrokenReader()


def fail(*args: object) -> None:
    """Whatever fails."""
    raise ZeroDivisionError("private")


async def test_a_reader_that_fails_is_one_answers_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    good = bench.submit(max_tokens=20)
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 1)
    monkeypatch.setattr(NumberFormat, "reader", broken_reader)
    bad = bench.submit([1, 2])
    bench.run()
    assert failure(await outputs_of(bad)).error.code == "model_failed"
    assert await tokens_of(good) == expected(random_llama(), [5, 6, 7], 20)


async def test_a_fault_of_nobodys_ends_all_and_the_next_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    jobs: list[Job] = [bench.submit(max_tokens=20), bench.submit([1, 2])]
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 1)
    with monkeypatch.context() as broken:
        broken.setattr(bench.guard, "look", fail)
        bench.step()
    for job in jobs:
        assert failure(await outputs_of(job)).error.code == "model_failed"
    again = bench.submit(max_tokens=20)
    bench.run()
    assert await tokens_of(again) == expected(random_llama(), [5, 6, 7], 20)
    assert bench.loader.begun == ["llama", "llama"]


async def test_a_cache_that_cannot_be_kept_costs_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = Bench()
    bench.loader.cache_folder = tmp_path
    job = bench.submit(prompt_cache_key="s")
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 1)
    cache = bench.loader.caches["llama"]
    monkeypatch.setattr(cache, "put", fail)
    bench.run()
    assert await tokens_of(job) == expected(random_llama(), [5, 6, 7], 8)
    monkeypatch.setattr(cache, "flush", fail)
    bench.scheduler.unload(None)
    bench.step()
    assert bench.models() == []


@pytest.mark.parametrize("limit", [6, 64])
async def test_memory_that_is_out_when_one_leaves_the_batch_costs_no_answer(
    limit: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It leaves since its reader is behind, or since it ends."""
    bench = Bench()
    other = bench.submit([9, 9], "gpt_oss", max_tokens=200, limit=300)
    before = bench.submit(PROMPTS[1], max_tokens=40)
    for _ in range(8):
        bench.begin()
    first = bench.submit(PROMPTS[0], max_tokens=12, limit=limit, return_progress=False)
    bench.step(3)
    after = bench.submit([40, 41], max_tokens=40)

    def has_left() -> bool:
        return first.channel.finished or not first.channel.has_room

    with monkeypatch.context() as short:
        short.setattr(BatchKVCache, "extract", fail)
        bench.run(has_left)
    assert has_left()
    assert caplog.text.count("a batch of 3 failed") == 1
    received: list[Output] = []
    while items := await first.channel.receive():
        received += items
        bench.scheduler.resume(first)
        bench.run()
    bench.run()
    module = random_llama()
    assert numbers(received) == expected(module, PROMPTS[0], 12)
    assert await tokens_of(before) == expected(module, PROMPTS[1], 40)
    assert await tokens_of(after) == expected(module, [40, 41], 40)
    assert len(await tokens_of(other)) == 200


async def test_a_restart_before_the_first_token_counts_the_cache_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    first = bench.submit(PROMPTS[2], prompt_cache_key="s")
    bench.run()
    longer = [*PROMPTS[2], *await tokens_of(first), 3]
    bench.submit(max_tokens=30)
    bench.begin()
    with monkeypatch.context() as short:
        short.setattr(KVCache, "merge", fail)
        second = bench.submit(longer, prompt_cache_key="s")
        bench.run()
    outputs = await outputs_of(second)
    assert isinstance(outputs[-1], Finished)
    cached = outputs[-1].figures.cached_tokens
    assert bench.scheduler.status()["cached_tokens"] == cached > 0
