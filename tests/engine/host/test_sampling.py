"""Choosing tokens: which can be chosen, and that the choice can be repeated."""

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

import mlx.core as mx

from acp_agent.engine.host.sampling import Sampler, make_sampler

LOGITS = mx.log(mx.array([[0.05, 0.5, 0.15, 0.3]]))


def draw(sampler: Sampler, count: int = 300) -> list[int]:
    return [int(sampler(LOGITS, place).item()) for place in range(count)]


def test_temperature_0_takes_the_likeliest() -> None:
    sampler = make_sampler(0, 1, None)
    assert sampler.greedy
    assert set(draw(sampler, 3)) == {1}


def test_drawing_follows_the_distribution() -> None:
    drawn = draw(make_sampler(1, 1, 3), 2000)
    shares = [drawn.count(token) / 2000 for token in range(4)]
    assert shares == pytest.approx([0.05, 0.5, 0.15, 0.3], abs=0.04)
    assert draw(make_sampler(0.05, 1, 3), 50) == [1] * 50


def test_top_p_leaves_the_unlikely_out() -> None:
    assert set(draw(make_sampler(1, 0.7, 3))) == {1, 3}
    assert set(draw(make_sampler(1, 0.4, 3))) == {1}


def test_seed_and_place_determine_the_choice() -> None:
    first, other = make_sampler(1, 1, 5), make_sampler(1, 1, 6)
    drawn = draw(first, 40)
    assert draw(make_sampler(1, 1, 5), 40) == drawn != draw(other, 40)
    assert [int(first(LOGITS, place).item()) for place in (7, 3)] == [drawn[7], drawn[3]]


def test_without_a_seed_every_answer_is_another() -> None:
    assert draw(make_sampler(1, 1, None), 40) != draw(make_sampler(1, 1, None), 40)


def test_the_largest_seed_is_usable() -> None:
    assert draw(make_sampler(1, 1, 2**63 - 1), 5)
