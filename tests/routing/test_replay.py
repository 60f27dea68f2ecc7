"""Decisions taken again: what changes, and what users' objections say of the changes."""

from dataclasses import replace

import pytest

from acp_agent.routing.decisions import DecisionOutcome, Logged
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.proposal import Proposal
from acp_agent.routing.replay import Verdicts, decide_again, find_complaint, replay
from acp_agent.routing.rubric import SETTINGS, decide
from tests.fixtures.routing_records import BIG, HEAVY, LIGHT, WEIGHTS, make_feedback, make_record

PROMPTS = [LIGHT, HEAVY, "Fix the bug in main.py", "use gpt-oss: hello", "Thanks!"]
LOGS = [Logged(make_record(str(number), prompt)) for number, prompt in enumerate(PROMPTS)]
LOWEST, HIGHEST = 0.0, 1.0


def test_the_same_weights_and_thresholds_change_nothing() -> None:
    for setting in SETTINGS:
        logs = [Logged(make_record("a", prompt, setting=setting)) for prompt in PROMPTS]
        found = replay(logs, WEIGHTS)
        assert found.changes == ()
        assert found.delegated_now == found.delegated_before
        assert all(
            decide_again(logged.record, WEIGHTS) == logged.record.decision for logged in logs
        )


def test_thresholds_move_scores_but_no_wish() -> None:
    found = replay(LOGS, WEIGHTS, threshold=HIGHEST)
    assert {change.logged.record.id for change in found.changes} == {
        logged.record.id
        for logged in LOGS
        if logged.record.decision.delegate and logged.record.features.wish is None
    }
    assert (found.to_big, found.to_small) == (0, len(found.changes))
    assert found.delegated_now == 1
    found = replay(LOGS, WEIGHTS, threshold=LOWEST)
    assert found.delegated_now == len(LOGS)
    assert found.to_big == len(LOGS) - found.delegated_before


def test_a_setting_takes_the_place_of_the_records() -> None:
    record = make_record("a", setting="eager")
    again = decide_again(record, WEIGHTS, setting="frugal")
    assert again.threshold > record.decision.threshold
    assert decide_again(replace(record, setting="of a later version"), WEIGHTS).threshold == (
        decide_again(record, WEIGHTS, setting="balanced").threshold
    )


def test_what_the_rubric_did_not_decide_is_left_out() -> None:
    calls = [Logged(make_record("x", origin="tool_call")), Logged(make_record("y", origin="mcp"))]
    found = replay([*LOGS, *calls], WEIGHTS, threshold=LOWEST)
    assert (found.decisions, found.left_out) == (len(LOGS), 2)


def test_a_prompt_too_long_for_the_small_model_stays_delegated() -> None:
    features = read_features(Prompt(LIGHT))
    decision = decide(features, WEIGHTS, window=1)
    assert decision.reason_code == "needs_large_context"
    record = make_record("a", decision=decision)
    assert decide_again(record, WEIGHTS, threshold=HIGHEST) == decision


def test_the_proposal_of_then_counts() -> None:
    record = make_record("a")
    near = record.decision.score + WEIGHTS.near / 2
    proposal = Proposal("gptoss_20b", "analysis", "needs_delegation", 1.0)
    proposed = replace(record, proposal=proposal)
    assert not decide_again(record, WEIGHTS, threshold=near).delegate
    assert decide_again(proposed, WEIGHTS, threshold=near).delegate


@pytest.mark.parametrize(
    ("verdicts", "override", "complaint"),
    [
        ([], None, None),
        ([("wrong", None)], None, "wrong"),
        ([("mode_switched", "ollama")], None, "overridden"),
        ([("mode_switched", "gptoss_20b")], None, None),
        ([("mode_switched", "ollama"), ("wrong", None)], None, "wrong"),
        ([], "ollama", "overridden"),
        ([], "gptoss_20b", None),
    ],
)
def test_what_is_an_objection(
    verdicts: list[tuple[str, str | None]], override: str | None, complaint: str | None
) -> None:
    record = make_record("a", HEAVY, outcome=DecisionOutcome(override=override))
    assert record.effective == BIG
    said = tuple(
        make_feedback("a", "wrong" if verdict == "wrong" else "mode_switched", mode=mode)
        for verdict, mode in verdicts
    )
    assert find_complaint(Logged(record, said)) == complaint


def test_changes_put_right_or_break() -> None:
    said = [
        (make_feedback("0"),),
        (make_feedback("1", "mode_switched", mode="ollama"),),
        (),
    ]
    prompts = [LIGHT, HEAVY, HEAVY]
    logs = [
        Logged(make_record(str(number), prompt), said[number])
        for number, prompt in enumerate(prompts)
    ]
    lower = replay(logs, WEIGHTS, threshold=LOWEST)
    assert (lower.wrong, lower.overridden) == (Verdicts(1, 1), Verdicts(1, 0))
    assert lower.accepted == Verdicts(1, 0)
    higher = replay(logs, WEIGHTS, threshold=HIGHEST)
    assert (higher.wrong, higher.overridden) == (Verdicts(1, 0), Verdicts(1, 1))
    assert higher.accepted == Verdicts(1, 1)
