"""APGR on cases worked out by hand, and its bootstrap interval."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import InvalidParams
from acp_agent.routing.evaluation import bootstrap_apgr, measure_apgr

# With two prompts of which the strong model wins one, the curve over 0, 1/2 and 1 sent is
# 0, 1, 1 where that one goes first (area 0.75) and 0, 0, 1 where it goes last (0.25).


@pytest.mark.parametrize(
    ("scores", "weak", "strong", "apgr"),
    [
        ([1.0, 0.0], [0, 0], [1, 0], 0.75),
        ([0.0, 1.0], [0, 0], [1, 0], 0.25),
        ([0.5, 0.5], [0, 0], [1, 0], 0.5),
        ([3.0], [0.2], [0.9], 0.5),
        ([2.0, 1.0], [0.0, 1.0], [1.0, 1.0], 0.75),
        # Gains 1, -1, 1 in this order: curve 0, 1, 0, 1, trapezoids 1/2, 1/2, 1/2 of 1/3.
        ([3.0, 2.0, 1.0], [0, 1, 0], [1, 0, 1], 0.5),
        # Gains 1, 1, -1: curve 0, 1, 2, 1, trapezoids 1/2, 3/2, 3/2 of 1/3, gap 1.
        ([3.0, 1.0, 2.0], [0, 1, 0], [1, 0, 1], 7 / 6),
        # The last two are tied: 0, 1, then from 1 to 1 in a straight line.
        ([3.0, 1.0, 1.0], [0, 0, 1], [1, 1, 0], 1 / 3 * 0.5 + 2 / 3),
    ],
)
def test_apgr_worked_out_by_hand(
    scores: list[float], weak: list[float], strong: list[float], apgr: float
) -> None:
    assert measure_apgr(scores, weak, strong) == pytest.approx(apgr)


outcomes = st.lists(
    st.tuples(st.integers(-5, 5), st.floats(0, 0.5), st.floats(0.51, 1)), min_size=1, max_size=30
)


@given(outcomes, st.randoms(use_true_random=False))
def test_order_of_the_file_does_not_matter(
    rows: list[tuple[int, float, float]], chance: random.Random
) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    first, second = (measure_apgr(*zip(*some, strict=True)) for some in (rows, shuffled))
    assert first == pytest.approx(second)


@given(outcomes)
def test_opposite_scores_recover_the_rest(rows: list[tuple[int, float, float]]) -> None:
    scores, weak, strong = zip(*rows, strict=True)
    opposite = [-score for score in scores]
    total = measure_apgr(scores, weak, strong) + measure_apgr(opposite, weak, strong)
    assert total == pytest.approx(1)


@pytest.mark.parametrize(
    ("scores", "weak", "strong"),
    [
        ([], [], []),
        ([1.0], [0.0, 1.0], [1.0, 1.0]),
        ([1.0], [1.0], [1.0]),
        ([1.0, 2.0], [1.0, 0.0], [0.0, 0.5]),
    ],
)
def test_outcomes_without_a_gap_are_refused(
    scores: list[float], weak: list[float], strong: list[float]
) -> None:
    with pytest.raises(InvalidParams):
        measure_apgr(scores, weak, strong)
    if len(weak) < 2:
        with pytest.raises(InvalidParams):
            bootstrap_apgr(scores, weak, strong, samples=3)


def test_interval_holds_the_measure_and_repeats() -> None:
    chance = random.Random(3)
    gains = [float(chance.random() < 0.3) for _ in range(200)]
    scores = [gain + chance.random() * 2 for gain in gains]
    weak = [0.0] * 200
    low, high = bootstrap_apgr(scores, weak, gains, samples=200)
    assert low < measure_apgr(scores, weak, gains) < high
    assert (low, high) == bootstrap_apgr(scores, weak, gains, samples=200)
    assert (low, high) != bootstrap_apgr(scores, weak, gains, samples=200, seed=1)


def test_interval_narrows_with_its_level_and_with_more_prompts() -> None:
    def width(prompts: int, level: float) -> float:
        chance = random.Random(5)
        gains = [float(chance.random() < 0.3) for _ in range(prompts)]
        scores = [chance.random() for _ in gains]
        low, high = bootstrap_apgr(scores, [0.0] * prompts, gains, samples=200, level=level)
        return high - low

    assert width(50, 0.5) < width(50, 0.95)
    assert width(800, 0.95) < width(50, 0.95)
