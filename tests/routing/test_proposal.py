"""What is a proposal, and what it changes of the rubric's decision."""

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator

from acp_agent.routing.generate import TASK_TYPES
from acp_agent.routing.proposal import (
    LOCAL,
    REASON_CODES,
    Proposal,
    is_uncertain,
    proposal_schema,
    read_proposal,
    weigh,
)
from acp_agent.routing.rubric import Decision, ReasonCode
from acp_agent.routing.weights import load_weights

WEIGHTS = load_weights()
CANDIDATES = ("gptoss", "ollama")
VALIDATOR: Any = Draft202012Validator(proposal_schema(CANDIDATES))
LIGHT: dict[str, Any] = {
    "candidate": "local",
    "task_class": "other",
    "reason_code": "local_answer_sufficient",
    "confidence": 0.8,
}
HEAVY = LIGHT | {"candidate": "gptoss", "reason_code": "needs_delegation"}
DELEGATE = Proposal("gptoss", "code_generation", "needs_delegation", 0.8)
STAY = Proposal(LOCAL, "other", "local_answer_sufficient", 0.8)


def decided(
    delegate: bool, distance: float, code: ReasonCode = "low_confidence", reason: str = "So."
) -> Decision:
    """A decision whose score is ``distance`` times the band's width from the threshold."""
    score = 0.5 + WEIGHTS.near * distance
    return Decision(delegate, score, 0.5, {"code": 1.0}, code, reason)


def test_an_object_with_the_four_fields_is_a_proposal() -> None:
    assert read_proposal(LIGHT, CANDIDATES) == STAY
    assert read_proposal(HEAVY | {"confidence": 1}, CANDIDATES) == Proposal(
        "gptoss", "other", "needs_delegation", 1.0
    )
    assert read_proposal(LIGHT | {"why": "it is short"}, CANDIDATES) == STAY


def test_the_small_model_is_always_a_candidate() -> None:
    assert read_proposal(LIGHT, ()) == STAY
    assert proposal_schema(())["properties"]["candidate"]["enum"] == [LOCAL]
    names = proposal_schema(("gptoss", LOCAL, "gptoss"))["properties"]["candidate"]["enum"]
    assert names == [LOCAL, "gptoss"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"candidate": "root"},
            "candidate is another text, and must be one of local, gptoss, ollama.",
        ),
        ({"candidate": "Local"}, "candidate is another text"),
        ({"candidate": None}, "candidate is null"),
        ({"candidate": ["local"]}, "candidate is a list"),
        ({"candidate": {"local": 1}}, "candidate is an object"),
        ({"candidate": 10**100}, "000…, and"),
        ({"task_class": "cooking"}, "task_class is another text"),
        ({"reason_code": "because"}, "reason_code is another text"),
        ({"confidence": "0.8"}, "confidence is another text, and must be a number from 0 to 1."),
        ({"confidence": True}, "confidence is true"),
        ({"confidence": 80}, "confidence is 80"),
        ({"confidence": -0.1}, "confidence is -0.1"),
        ({"confidence": float("nan")}, "confidence is NaN"),
        ({"confidence": float("inf")}, "confidence is Infinity"),
        ({"confidence": None}, "confidence is null"),
        ({"reason_code": "needs_delegation"}, "contradicts the candidate 'local'"),
        ({"reason_code": "needs_large_context"}, "contradicts the candidate 'local'"),
        ({"candidate": "gptoss"}, "'local_answer_sufficient' contradicts"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        read_proposal(LIGHT | change, CANDIDATES)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("missing", list(LIGHT))
def test_a_missing_field_is_named(missing: str) -> None:
    value = {key: each for key, each in LIGHT.items() if key != missing}
    with pytest.raises(ValueError, match=f"'{missing}' is missing"):
        read_proposal(value, CANDIDATES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each),
    max_leaves=5,
)
FIELDS = {
    "candidate": st.sampled_from([LOCAL, *CANDIDATES, "root"]) | JSON,
    "task_class": st.sampled_from([*TASK_TYPES, "cooking"]) | JSON,
    "reason_code": st.sampled_from([*REASON_CODES, "because"]) | JSON,
    "confidence": st.floats(-0.5, 1.5) | st.integers(-1, 2) | JSON,
}


@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_the_schema_and_the_reader_allow_the_same_but_for_contradictions(
    value: dict[str, Any],
) -> None:
    allowed = not list(VALIDATOR.iter_errors(value))
    try:
        proposal, fault = read_proposal(value, CANDIDATES), ""
    except ValueError as error:
        proposal, fault = None, str(error)
    assert allowed == (proposal is not None or "contradicts" in fault)
    if proposal is not None:
        assert proposal.candidate in (LOCAL, *CANDIDATES)
        assert json.loads(json.dumps(value))["confidence"] == proposal.confidence


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(proposal_schema(CANDIDATES))


def test_codes_and_tasks_are_those_of_the_rubric_and_the_tool() -> None:
    assert get_args(ReasonCode) == REASON_CODES
    assert proposal_schema(())["properties"]["task_class"]["enum"] == list(TASK_TYPES)


@pytest.mark.parametrize(
    ("distance", "code", "uncertain"),
    [
        (0.0, "low_confidence", True),
        (0.9, "low_confidence", True),
        (-0.9, "low_confidence", True),
        (1.1, "needs_delegation", False),
        (-1.1, "local_answer_sufficient", False),
        (0.0, "explicit_request", False),
        (0.0, "needs_large_context", False),
    ],
)
def test_the_rubric_is_uncertain_near_its_threshold(
    distance: float, code: ReasonCode, uncertain: bool
) -> None:
    assert is_uncertain(decided(distance > 0, distance, code), WEIGHTS) is uncertain


@pytest.mark.parametrize(
    ("delegate", "proposal", "reason"),
    [
        (False, DELEGATE, "proposes to delegate to gptoss (needs_delegation, 0.80)."),
        (True, STAY, "proposes to answer itself (local_answer_sufficient, 0.80)."),
        (True, DELEGATE, "proposes to delegate to gptoss (needs_delegation, 0.80)."),
    ],
)
def test_near_the_threshold_a_confident_proposal_decides(
    delegate: bool, proposal: Proposal, reason: str
) -> None:
    decision = decided(delegate, 0.5 if delegate else -0.5)
    weighed = weigh(decision, proposal, WEIGHTS)
    assert weighed.delegate is (proposal is DELEGATE)
    assert weighed.reason_code == proposal.reason_code
    score = f"{decision.score:.2f}"
    assert weighed.reason == f"Score {score} is near 0.50; the small model {reason}"
    assert replace(decision, delegate=weighed.delegate, reason_code="low_confidence") == replace(
        weighed, reason="So.", reason_code="low_confidence"
    )


@pytest.mark.parametrize(("confidence", "decides"), [(0.59, False), (0.6, True)])
def test_a_doubtful_proposal_changes_nothing_but_the_reason(
    confidence: float, decides: bool
) -> None:
    decision = decided(False, -0.5)
    weighed = weigh(decision, replace(DELEGATE, confidence=confidence), WEIGHTS)
    assert weighed.delegate is decides
    if not decides:
        assert weighed == replace(decision, reason=weighed.reason)
        assert weighed.reason_code == "low_confidence"
        assert weighed.reason == (
            "So; the small model is not sure and proposes to delegate to gptoss "
            "(needs_delegation, 0.59)."
        )


def test_far_from_the_threshold_the_rubric_stays_and_a_disagreement_is_named() -> None:
    heavy = decided(True, 1.5, "needs_delegation")
    assert weigh(heavy, DELEGATE, WEIGHTS) == heavy
    weighed = weigh(heavy, STAY, WEIGHTS)
    assert weighed == replace(heavy, reason=weighed.reason)
    assert weighed.reason == (
        "So; the small model disagrees and proposes to answer itself "
        "(local_answer_sufficient, 0.80)."
    )
    light = decided(False, -1.5, "local_answer_sufficient")
    assert weigh(light, STAY, WEIGHTS) == light
    weighed = weigh(light, replace(DELEGATE, confidence=1.0), WEIGHTS)
    assert not weighed.delegate
    assert "disagrees and proposes to delegate to gptoss" in weighed.reason


@pytest.mark.parametrize("code", ["explicit_request", "needs_large_context"])
@pytest.mark.parametrize("distance", [0.0, 2.0])
def test_wishes_and_windows_stay_decided(code: ReasonCode, distance: float) -> None:
    decision = decided(True, distance, code)
    assert weigh(decision, replace(STAY, confidence=1.0), WEIGHTS) == decision


def test_without_a_proposal_the_rubric_decides() -> None:
    decision = decided(False, -0.5)
    assert weigh(decision, None, WEIGHTS) == decision
