"""Mode ``mythos`` over a real engine process: the contract, with noise and with trained weights."""

import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import anyio
import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")
pytest.importorskip("open_mythos", reason="the extra mythos is not installed")

from acp_agent.backends.base import Event, ModelRequest, Notice, Progress, Usage
from acp_agent.backends.engine.mythos import NO_TOOLS, NOISE
from acp_agent.backends.engine.mythos_variants import VARIANTS
from tests.backends.contract import BackendContract
from tests.backends.engine.mythos_harness import (
    NOISE_TEXT,
    PATIENCE,
    TRAINED,
    MythosHarness,
    NoiseHarness,
    TinyModels,
    TrainedHarness,
    find_prompt,
    running_models,
)
from tests.backends.harness import Say, Script, collect, text_of
from tests.fixtures.trained_mythos import SIZES, make_tokenizer

pytestmark = [pytest.mark.anyio, pytest.mark.torch]


@pytest.fixture(scope="module")
async def models(run_folder: Path) -> AsyncGenerator[TinyModels, None]:
    async with running_models(run_folder / "mythos") as models:
        yield models


@pytest.fixture
def trained(models: TinyModels) -> TrainedHarness:
    return TrainedHarness(models)


@pytest.fixture
def noise(models: TinyModels) -> NoiseHarness:
    return NoiseHarness(models)


class TestTrainedWeights(BackendContract):
    """The mode keeps the contract with weights that have learnt what is to be said."""

    @pytest.fixture
    def harness(self, trained: TrainedHarness) -> TrainedHarness:
        return trained


class TestRandomWeights(BackendContract):
    """The mode keeps the contract with random weights, as far as these can be told."""

    @pytest.fixture
    def harness(self, noise: NoiseHarness) -> NoiseHarness:
        return noise


async def test_usage_is_true_and_tells_the_depth(models: TinyModels) -> None:
    harness = TrainedHarness(models)
    prepared = harness.prepare(Script((Say("so far"),)))
    tokenizer = make_tokenizer()
    pieces = ("user:", f" {prepared.request.prompt}\n", "assistant:")
    read = sum(len(tokenizer.encode(piece).ids) for piece in pieces)
    written = len(tokenizer.encode(" so far").ids) + 1  # the end
    events = await ask(harness, prepared.request)
    [usage] = [event for event in events if isinstance(event, Usage)]
    assert (usage.input_tokens, usage.output_tokens) == (read, written)
    assert usage.context_size == SIZES["max_seq_len"]
    assert usage.n_loops == SIZES["max_loop_iters"]
    assert usage.answer_seconds
    told = [event.text for event in events if isinstance(event, Notice)]
    assert told == [NO_TOOLS, f"{read} tokens read, {written} written, 2 loops each."]


async def test_the_depth_can_be_chosen(models: TinyModels) -> None:
    harness = TrainedHarness(models, n_loops=5)
    request = harness.prepare(Script((Say("so far"),))).request
    for options, n_loops in (({}, 5), ({"n_loops": "1"}, 1), ({"n_loops": "default"}, 2)):
        events = await ask(harness, replace(request, options=options, max_tokens=9))
        [usage] = [event for event in events if isinstance(event, Usage)]
        assert usage.n_loops == n_loops
        if n_loops != 5:  # for which it was not trained
            assert text_of(events) == "so far"


async def test_random_weights_are_called_noise(noise: NoiseHarness) -> None:
    events = await ask(noise, noise.prepare(Script((Say("a"), Say("b")))).request)
    told = [event for event in events if not isinstance(event, Progress)]
    assert told[0] == Notice(f"{NOISE} {NO_TOOLS}")
    assert text_of(events) == NOISE_TEXT * 2


async def test_a_sweep_compares_depths(models: TinyModels) -> None:
    environment = {
        **models.engine.environment,
        "OPENMYTHOS_TOKENIZER": str(models.tokenizer),
        "OPENMYTHOS_CHECKPOINT": str(models.checkpoint),
        "OPENMYTHOS_VARIANT": TRAINED,
    }
    words = ("sweep", "--n-loops", "1,2", "--max-tokens", "20", "--json", find_prompt("so far"))
    command = [sys.executable, "-m", "acp_agent", "mythos", *words]
    with anyio.fail_after(2 * PATIENCE):
        result = await anyio.run_process(command, env=environment)
    rows = json.loads(result.stdout)
    assert [row["n_loops"] for row in rows] == [1, 2]
    assert [row["tokens"] for row in rows] == [8, 8]
    assert all(row["tokens_per_second"] > 0 for row in rows)
    assert all(0 < row["first_token_seconds"] <= row["seconds"] for row in rows)


def test_the_table_of_variants_is_the_packages() -> None:
    package = import_module("open_mythos")
    for name, variant in VARIANTS.items():
        config = getattr(package, name)()
        assert config.max_seq_len == variant.context_size
        assert config.max_loop_iters == variant.n_loops


async def ask(harness: MythosHarness, request: ModelRequest) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        return await collect(harness.backend.stream(request))
