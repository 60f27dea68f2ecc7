"""Samples of one prompt when some of them leave or fail: the others do not change."""

from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

import mlx.core as mx

from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.outputs import Failed
from tests.fixtures.prompt_samples import MODELS, PROMPT, alone, is_reading, samples
from tests.fixtures.random_models import Bench, outputs_of, random_llama, tokens_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("model", MODELS)
async def test_another_reads_on_for_a_leader_that_leaves(model: str) -> None:
    bench = Bench()
    jobs = samples(bench, 3, model)
    bench.run(lambda: is_reading(bench, 12))
    bench.withdraw(jobs[0])
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == len(PROMPT) - 1
    for seed in (1, 2):
        assert await tokens_of(jobs[seed]) == await alone(seed, model)


@pytest.mark.parametrize("at", [12, len(PROMPT) - 1])
async def test_followers_may_leave_at_any_time(at: int) -> None:
    bench = Bench()
    jobs = samples(bench, 3)
    bench.run(lambda: is_reading(bench, at))
    bench.withdraw(jobs[1])
    bench.step()
    assert bench.scheduler.status()["active_requests"] == 2
    bench.run()
    for seed in (0, 2):
        assert await tokens_of(jobs[seed]) == await alone(seed)
    assert bench.scheduler.status()["active_requests"] == 0


async def test_all_may_leave_while_it_is_read() -> None:
    bench = Bench()
    jobs = samples(bench, 3)
    bench.run(lambda: is_reading(bench, 8))
    for job in jobs:
        bench.withdraw(job)
    bench.run()
    status = bench.scheduler.status()
    assert (status["active_requests"], status["prefilled_tokens"]) == (0, 8)


class Faulty:
    """A model whose ``fails``-th reading of a chunk fails."""

    def __init__(self, module: Any, fails: int) -> None:
        self.module = module
        self.left = fails

    def __call__(self, tokens: mx.array, cache: Any) -> mx.array:
        if tokens.shape[1] > 1:
            self.left -= 1
            if not self.left:
                raise ValueError("private")
        result: mx.array = self.module(tokens, cache=cache)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


async def test_a_leader_that_fails_fails_alone() -> None:
    bench = Bench()
    bench.loader.modules["llama"] = lambda: Faulty(random_llama(), 3)
    jobs = samples(bench, 3)
    bench.run()
    [*_, failed] = await outputs_of(jobs[0])
    assert isinstance(failed, Failed)
    for seed in (1, 2):
        assert await tokens_of(jobs[seed]) == await alone(seed)


async def test_a_copy_that_fails_is_its_followers_fault_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    jobs = samples(bench, 3)
    bench.run(lambda: is_reading(bench, len(PROMPT) - 4))
    copies: list[int] = []
    copy = Line.copy

    def fail_once(line: Line, position: int, key: str | None) -> Line:
        copies.append(position)
        if len(copies) == 1:
            raise RuntimeError("[malloc] Unable to allocate")
        return copy(line, position, key)

    monkeypatch.setattr(Line, "copy", fail_once)
    bench.run()
    monkeypatch.undo()
    [*_, failed] = await outputs_of(jobs[1])
    assert isinstance(failed, Failed)
    for seed in (0, 2):
        assert await tokens_of(jobs[seed]) == await alone(seed)


async def test_a_fault_of_nobody_ends_followers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    jobs = samples(bench, 3)
    bench.run(lambda: is_reading(bench, 8))

    def fail(*args: object) -> None:
        raise RuntimeError("nobody's")

    monkeypatch.setattr(bench.scheduler, "_tell_caches", fail)
    bench.step()
    monkeypatch.undo()
    for job in jobs:
        assert isinstance((await outputs_of(job))[-1], Failed)
    bench.run()
    assert bench.scheduler.status()["active_requests"] == 0


async def test_an_unload_lets_followers_end() -> None:
    bench = Bench()
    jobs = samples(bench, 3)
    bench.run(lambda: is_reading(bench, 8))
    bench.scheduler.unload(None)
    bench.withdraw(jobs[0])
    bench.run()
    for seed in (1, 2):
        assert await tokens_of(jobs[seed]) == await alone(seed)
    assert bench.models() == []
