"""The figures of a log, counted by hand."""

from dataclasses import replace

import pytest

from acp_agent.routing.decisions import DecisionOutcome, Logged, Skipped
from acp_agent.routing.report import NOBODY, Point, SkippedGate, make_report, percentile
from tests.fixtures.routing_records import BIG, HEAVY, SMALL, make_feedback, make_record

GATE = [Skipped(BIG, "memory", "Too little.")]
LOGS = [
    Logged(make_record("a", when="2026-01-01")),
    Logged(make_record("b", when="2026-01-04"), (make_feedback("b"), make_feedback("b"))),
    Logged(make_record("c", HEAVY, setting="eager")),
    Logged(
        make_record("d", HEAVY, effective="", skipped=GATE),
        (make_feedback("d", "mode_switched", mode="ollama"),),
    ),
    Logged(make_record("e", HEAVY, skipped=GATE, origin="tool_call", effective=SMALL)),
]


def test_shares_and_what_users_said() -> None:
    report = make_report(LOGS)
    assert (report.first, report.last) == ("2026-01-01", "2026-01-04")
    rows = {
        name: [(s.name, s.decisions, s.delegated, s.wrong, s.overridden) for s in shares]
        for name, shares in (
            ("total", (report.total,)),
            ("decision", report.by_decision),
            ("effective", report.by_effective),
            ("setting", report.by_setting),
            ("origin", report.by_origin),
        )
    }
    assert rows == {
        "total": [("all", 5, 3, 1, 1)],
        "decision": [("delegate", 3, 3, 0, 1), ("local", 2, 0, 1, 0)],
        "effective": [(SMALL, 3, 1, 1, 0), (BIG, 1, 1, 0, 0), (NOBODY, 1, 1, 0, 1)],
        "setting": [("balanced", 4, 2, 1, 1), ("eager", 1, 1, 0, 0)],
        "origin": [("prompt", 4, 2, 1, 1), ("tool_call", 1, 1, 0, 0)],
    }
    assert {share.name for share in report.by_reason} == {
        "local_answer_sufficient",
        "needs_delegation",
    }
    assert report.skipped == (SkippedGate(BIG, "memory", 2),)


def test_only_prompts_are_plotted() -> None:
    decision = LOGS[0].record.decision
    report = make_report(LOGS)
    assert len(report.points) == 4
    assert report.points[0] == Point(decision.score, decision.threshold, False)


def test_latency_is_that_of_answers_that_ended() -> None:
    outcomes = [
        DecisionOutcome(seconds=float(number), first_token_seconds=number / 10)
        for number in range(1, 12)
    ]
    outcomes += [
        DecisionOutcome(seconds=99.0, cancelled=True, error="It was cancelled."),
        DecisionOutcome(seconds=99.0, error="It failed."),
        DecisionOutcome(),
    ]
    logs = [Logged(replace(LOGS[0].record, outcome=outcome)) for outcome in outcomes]
    [latency] = make_report(logs).latencies
    assert (latency.answers, latency.cancelled, latency.failed) == (12, 1, 1)
    assert (latency.median, latency.high) == (6.0, 10.0)
    assert (latency.first_token_median, latency.first_token_high) == (0.6, 1.0)


def test_proposals_are_counted() -> None:
    logs = [*LOGS, Logged(make_record("f", proposal_problem="It took too long."))]
    report = make_report(logs)
    assert (report.proposals, report.proposal_problems) == (1, 1)


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([], 0.9, None),
        ([3.0], 0.9, 3.0),
        ([2.0, 1.0], 0.5, 1.5),
        ([1.0, 2.0, 3.0], 0.0, 1.0),
        ([1.0, 2.0, 3.0], 1.0, 3.0),
    ],
)
def test_percentile(values: list[float], share: float, found: float | None) -> None:
    assert percentile(values, share) == found


def test_an_empty_log_has_an_empty_report() -> None:
    report = make_report([])
    assert report.total.decisions == 0
    assert report.points == report.by_decision == report.latencies == ()
