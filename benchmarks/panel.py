"""Measures of several samples of one prompt: as one batch, and one after the other.

Owns these measures, with the built-in model. They talk to an engine of their own that keeps
nothing of past prompts, so that each of the answers that come one after the other reads its
whole prompt. Without OpenBLAS or MKL, a step of a batch costs as much as its rows do alone. Needs
the model in ``ACP_AGENT_TEST_HOME`` (``make bench`` sees to it).
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from acp_agent.engine.host.blas import prefer_fast_blas
from benchmarks.driver import ROOT
from benchmarks.engine import own_engine
from benchmarks.report import Row, print_rows

_SAMPLES = 5
_TOKENS = 64
_SHORT = "Write a long story about a lighthouse keeper and his dog."
_NOTES = "\n".join(
    f"Day {day}: the keeper lit the lamp, fed the dog and counted {day * 3} ships."
    for day in range(1, 46)
)
"""About 1,000 tokens."""
_SETTINGS = EngineSettings(start_timeout=60.0, cache_memory=0, cache_disk=0)

_Run = Callable[[EngineClient, str], Awaitable["_Took"]]


@dataclass(slots=True, frozen=True)
class _Took:
    """What the samples took in seconds: all of it, and writing alone. ``read`` is tokens."""

    total: float
    writing: float
    read: int


def panel(rounds: int = 5, long_rounds: int = 3) -> None:
    """Five samples at temperature 0.8 as one batch, and one after the other, in turn."""
    print("\nOpenBLAS or MKL is", "there" if prefer_fast_blas() else "not there")
    anyio.run(_panel, rounds, long_rounds)


async def _panel(rounds: int, long_rounds: int) -> None:
    async with own_engine(_model(), _SETTINGS) as (client, _):
        together, apart = await _compare(client, _SHORT, rounds)
        _print("writing five answers to a short prompt", together, apart, lambda took: took.writing)
        together, apart = await _compare(client, f"{_NOTES}\n\n{_SHORT}", long_rounds)
        _print("writing five answers to a long prompt", together, apart, lambda took: took.writing)
        _print("reading and writing, long prompt", together, apart, lambda took: took.total)
        print(f"  prompt tokens read: {together[0].read} as one batch, {apart[0].read} apart")


async def _compare(client: EngineClient, text: str, rounds: int) -> tuple[list[_Took], list[_Took]]:
    together: list[_Took] = []
    apart: list[_Took] = []
    await _at_once(client, _SHORT)
    for number in range(rounds):
        # Whoever comes second may find a warmer machine.
        order: list[tuple[list[_Took], _Run]] = [(together, _at_once), (apart, _in_turn)]
        for values, run in order[:: -1 if number % 2 else 1]:
            values.append(await run(client, text))
    return together, apart


async def _at_once(client: EngineClient, text: str) -> _Took:
    ends: list[Mapping[str, Any]] = []

    async def ask(seed: int) -> None:
        ends.append(await _sample(client, text, seed))

    start = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for seed in range(_SAMPLES):
            tasks.start_soon(ask, seed)
    total = time.perf_counter() - start
    writing = max(end["predicted_ms"] for end in ends) / 1000
    return _Took(total, writing, sum(end["prompt_n"] for end in ends))


async def _in_turn(client: EngineClient, text: str) -> _Took:
    start = time.perf_counter()
    ends = [await _sample(client, text, seed) for seed in range(_SAMPLES)]
    total = time.perf_counter() - start
    writing = sum(end["predicted_ms"] for end in ends) / 1000
    return _Took(total, writing, sum(end["prompt_n"] for end in ends))


async def _sample(client: EngineClient, text: str, seed: int) -> Mapping[str, Any]:
    """The engine's timings of one answer, which is as long as it may be."""
    timings: Mapping[str, Any] = {}
    async with aclosing(client.chat(_body(text, seed))) as chunks:
        async for chunk in chunks:
            timings = chunk.get("timings") or timings
    if timings["predicted_n"] != _TOKENS:
        raise RuntimeError(f"sample {seed} ended after {timings['predicted_n']} tokens")
    return timings


def _body(text: str, seed: int) -> dict[str, Any]:
    return {
        "model": str(_model()),
        "messages": [{"role": "user", "content": text}],
        "temperature": 0.8,
        "seed": seed,
        "max_tokens": _TOKENS,
    }


def _model() -> Path:
    home = os.environ.get("ACP_AGENT_TEST_HOME", str(ROOT / ".cache" / "home"))
    return Path(home) / "models" / "smollm2-135m"


def _print(
    title: str, together: list[_Took], apart: list[_Took], take: Callable[[_Took], float]
) -> None:
    one = [take(each) for each in together]
    five = [take(each) for each in apart]
    rows = [Row("as one batch", one, "s"), Row("one after the other", five, "s")]
    print_rows(f"{title}, {_TOKENS} tokens each", rows)
    ratios = [left / right for left, right in zip(one, five, strict=True)]
    print(f"  ratios from {min(ratios):.2f} to {max(ratios):.2f}", flush=True)
