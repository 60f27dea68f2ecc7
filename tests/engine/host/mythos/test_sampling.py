"""Choosing tokens: likeliest, among the first, by share, and what is no number."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos.library import load_torch
from acp_agent.engine.host.mythos.sampling import Sampler

pytestmark = pytest.mark.torch


def logits(*shares: float) -> Any:
    return load_torch().tensor(shares).log()


def drawn(sampler: Sampler, values: Any, count: int = 200) -> set[int]:
    return {sampler(values) for _ in range(count)}


def test_temperature_zero_takes_the_likeliest() -> None:
    assert drawn(Sampler(0, 0, 1.0, None), logits(0.3, 0.4, 0.3), 20) == {1}


def test_top_k_leaves_the_others_out() -> None:
    values = logits(0.3, 0.1, 0.4, 0.2)
    assert drawn(Sampler(1.0, 2, 1.0, 1), values) == {0, 2}
    assert drawn(Sampler(1.0, 1, 1.0, 1), values) == {2}
    assert drawn(Sampler(1.0, 0, 1.0, 1), values) == {0, 1, 2, 3}
    assert drawn(Sampler(1.0, 99, 1.0, 1), values) == {0, 1, 2, 3}


def test_top_p_covers_its_share() -> None:
    values = logits(0.3, 0.1, 0.4, 0.2)
    assert drawn(Sampler(1.0, 0, 0.6, 1), values) == {0, 2}
    assert drawn(Sampler(1.0, 0, 0.01, 1), values) == {2}


def test_seed_repeats_and_none_does_not() -> None:
    values = logits(*[1 / 64] * 64)
    first, again, other = (Sampler(1.0, 0, 1.0, seed) for seed in (5, 5, 6))
    texts = [[each(values) for _ in range(20)] for each in (first, again, other)]
    assert texts[0] == texts[1] != texts[2]
    free = [[Sampler(1.0, 0, 1.0, None)(values) for _ in range(20)] for _ in range(2)]
    assert free[0] != free[1]


@pytest.mark.parametrize("temperature", [0, 0.8])
def test_damaged_weights_are_told(temperature: float) -> None:
    values = load_torch().tensor([float("nan"), 1.0])
    with pytest.raises(ApiError, match="no numbers"):
        Sampler(temperature, 0, 1.0, 1)(values)
