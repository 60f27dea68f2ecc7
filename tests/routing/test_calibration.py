"""Thresholds from evidence, on cases worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import InvalidParams
from acp_agent.routing.calibration import (
    WEIGHT,
    Evidence,
    calibrate_to_evidence,
    calibrate_to_share,
    gather_evidence,
)
from acp_agent.routing.decisions import Logged
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import decide
from tests.fixtures.routing_records import HEAVY, LIGHT, WEIGHTS, make_feedback, make_record

LIGHT_ONE = Evidence(0.2, heavy=False)
HEAVY_ONE = Evidence(0.6, heavy=True)


@pytest.mark.parametrize(
    ("evidence", "current", "threshold", "before", "after"),
    [
        # What is right already stays.
        ([LIGHT_ONE, HEAVY_ONE], 0.3, 0.3, 0, 0),
        ([LIGHT_ONE, HEAVY_ONE], 0.6, 0.6, 0, 0),
        # Half way between what must be told apart.
        ([LIGHT_ONE, HEAVY_ONE], 0.1, 0.4, 1, 0),
        ([LIGHT_ONE, HEAVY_ONE], 0.7, 0.4, 1, 0),
        # Everything, nothing.
        ([HEAVY_ONE], 0.9, 0.3, 1, 0),
        ([LIGHT_ONE], 0.1, 0.6, 1, 0),
        # The dearer error is avoided.
        ([Evidence(0.5, True, 3.0), Evidence(0.5, False, 1.0)], 0.8, 0.25, 3, 1),
        ([Evidence(0.2, True, 0.5), Evidence(0.4, False, 1.0)], 0.3, 0.7, 1.5, 0.5),
        # Of two equally good ones the nearer: delegate nothing, or all from 0.3 on.
        ([Evidence(0.3, True), Evidence(0.5, False)], 0.45, 0.75, 2, 1),
        ([Evidence(0.3, True), Evidence(0.5, False)], 0.4, 0.15, 2, 1),
    ],
)
def test_the_least_cost_of_errors(
    evidence: list[Evidence], current: float, threshold: float, before: float, after: float
) -> None:
    for some in (evidence, evidence[::-1]):
        found = calibrate_to_evidence(some, current)
        assert found.threshold == pytest.approx(threshold)
        assert (found.cost_before, found.cost_after) == pytest.approx((before, after))


@given(
    st.lists(
        st.builds(
            Evidence,
            st.sampled_from([0.1, 0.2, 0.5, 0.9]),
            st.booleans(),
            st.sampled_from([0.2, 0.5, 1.0]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.floats(0, 1),
)
def test_no_threshold_costs_less(evidence: list[Evidence], current: float) -> None:
    def cost(threshold: float) -> float:
        return sum(each.weight for each in evidence if (each.score >= threshold) != each.heavy)

    found = calibrate_to_evidence(evidence, current)
    assert found.cost_before == pytest.approx(cost(current))
    assert found.cost_after == pytest.approx(cost(found.threshold))
    least = min(cost(number / 100) for number in range(101))
    assert cost(found.threshold) == pytest.approx(least)


def test_silence_alone_teaches_nothing() -> None:
    with pytest.raises(InvalidParams, match="/routing wrong"):
        calibrate_to_evidence([Evidence(0.2, True, 0.2, objected=False)], 0.3)
    with pytest.raises(InvalidParams):
        calibrate_to_evidence([], 0.3)


def test_evidence_of_a_log() -> None:
    too_long = decide(read_features(Prompt(LIGHT)), WEIGHTS, window=1)
    logs = [
        Logged(make_record("a")),
        Logged(make_record("b"), (make_feedback("b"),)),
        Logged(make_record("c", HEAVY), (make_feedback("c", "mode_switched", mode="ollama"),)),
        Logged(make_record("d", "use gpt-oss: hello"), (make_feedback("d"),)),
        Logged(make_record("e", decision=too_long)),
        Logged(make_record("f", origin="mcp")),
    ]
    light, heavy = (make_record("x", text).decision.score for text in (LIGHT, HEAVY))
    assert gather_evidence(logs, WEIGHTS) == [
        Evidence(light, False, WEIGHT[None], objected=False),
        Evidence(light, True, WEIGHT["wrong"]),
        Evidence(heavy, False, WEIGHT["overridden"]),
    ]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_a_share_of_prompts(share: float) -> None:
    scores = [((7 * number) % 20 + 1) / 20 for number in range(20)]
    found = calibrate_to_share(scores, share)
    delegated = sum(score >= found.threshold for score in scores)
    # A score of 1 is delegated by every threshold that a profile may hold.
    assert delegated == (round(share * 20) or 1)
    assert 0 <= found.threshold <= 1


def test_equal_scores_go_together() -> None:
    assert calibrate_to_share([0.3, 0.3, 0.3], 0.5).threshold == 0.3
    with pytest.raises(InvalidParams):
        calibrate_to_share([], 0.5)
