"""The model's step: cached as uncached, and every trap of the package."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")
pytest.importorskip("open_mythos", reason="the extra mythos is not installed")

from acp_agent.engine.host.mythos.library import load_open_mythos, load_torch
from acp_agent.engine.host.mythos.model import Cache, Model, measure_cache, shorten
from acp_agent.engine.host.requests import ChatRequest
from tests.fixtures.loaded_mythos import load_tiny

pytestmark = pytest.mark.torch

ATTENTION = ("tiny_mla", "tiny_gqa")
TOKENS = [(7 * place * place + 3) % 250 for place in range(40)]


@pytest.fixture(scope="module", params=ATTENTION)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_tiny(request.param, tmp_path_factory.mktemp("tokenizer"))


def uncached(model: Any, tokens: list[int], n_loops: int) -> Any:
    """The package's own logits after ``tokens``, from the beginning."""
    torch = load_torch()
    with torch.inference_mode():
        return model._module(torch.tensor([tokens]), n_loops=n_loops)[0, -1]


def differ(first: Any, second: Any) -> float:
    return float((first - second[: len(first)]).abs().max())


@pytest.mark.parametrize("n_loops", [1, 3, 6])
def test_cached_logits_are_the_uncached_ones(model: Model, n_loops: int) -> None:
    cache: Cache = {}
    logits = model.read(cache, TOKENS[:11], 0, n_loops)
    assert differ(logits, uncached(model, TOKENS[:11], n_loops)) < 1e-6
    for place in range(11, len(TOKENS)):
        logits = model.read(cache, TOKENS[place : place + 1], place, n_loops)
        assert differ(logits, uncached(model, TOKENS[: place + 1], n_loops)) < 1e-6


def test_depth_changes_what_is_said(model: Model) -> None:
    shallow, deep = (model.read({}, TOKENS, 0, n_loops) for n_loops in (1, 8))
    assert differ(shallow, deep) > 1e-4


def test_shortened_cache_goes_on_from_there(model: Model) -> None:
    cache: Cache = {}
    model.read(cache, TOKENS[:20], 0, 3)
    whole = measure_cache(cache)
    shorten(cache, 10)
    assert measure_cache(cache) == whole // 2
    logits = model.read(cache, [5], 10, 3)
    assert differ(logits, uncached(model, [*TOKENS[:10], 5], 3)) < 1e-6


def test_several_tokens_go_into_an_empty_cache_only(model: Model) -> None:
    cache: Cache = {}
    model.read(cache, TOKENS[:4], 0, 3)
    with pytest.raises(ValueError, match="one token"):
        model.read(cache, TOKENS[4:6], 4, 3)


def test_tokens_unknown_to_the_tokenizer_are_never_drawn(tmp_path: Path) -> None:
    model = load_tiny("tiny_mla", tmp_path, rows=400)
    assert model.rows == 400
    assert len(model.read({}, TOKENS, 0, 3)) == 257


def test_only_the_last_row_is_computed(model: Any) -> None:
    torch = load_torch()
    with torch.inference_mode():
        assert model._module(torch.tensor([TOKENS])).shape == (1, 1, 257)


def test_half_precision_by_autocast_keeps_the_positions(model: Any) -> None:
    torch = load_torch()
    plain = model.read({}, TOKENS, 0, 3)
    cache: Cache = {}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model.read(cache, TOKENS[:-1], 0, 3)
        half = model.read(cache, TOKENS[-1:], len(TOKENS) - 1, 3)
    assert 1e-6 < differ(plain, half) < 0.05
    assert model._module.freqs_cis_mla.is_complex()


@pytest.mark.parametrize("top_k", [None, 0, 1, 50, 100_000])
def test_sampling_takes_any_top_k(model: Model, top_k: int | None) -> None:
    request = ChatRequest.model_validate(
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "x"}],
            "temperature": 0.7,
            "top_k": top_k,
            "seed": 3,
        }
    )
    logits = model.read({}, TOKENS, 0, 3)
    drawn = {model.make_sampler(request)(logits) for _ in range(3)}
    assert len(drawn) == 1  # the seed
    assert (drawn == {int(logits.argmax())}) or top_k != 1


def test_the_package_is_the_one_whose_traps_are_known() -> None:
    package = load_open_mythos()
    assert package.MythosConfig(vocab_size=10).max_loop_iters == 16
