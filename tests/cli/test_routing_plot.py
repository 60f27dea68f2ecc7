"""The chart of scores, and the line that shows progress."""

import sys

import pytest

from acp_agent.cli.routing.plot import plot_scores
from acp_agent.cli.routing.progress import follow
from acp_agent.routing.report import Point


def test_a_row_for_each_score_and_threshold() -> None:
    points = [Point(0.1, 0.2, False)] * 3 + [Point(0.22, 0.2, True), Point(0.21, 0.2, False)]
    assert plot_scores(points) == [
        "score       █ to the big model, ░ to the small one",
        "0.10\u20130.15  │░░░ 3",
        "0.15\u20130.20  │",
        "───────────┼─ threshold 0.20",
        "0.20\u20130.25  │░█ 2",
    ]


def test_bars_are_bounded_and_both_ends_have_a_row() -> None:
    points = [Point(1.0, 0.5, True)] * 1000 + [Point(0.0, 0.5, False)]
    lines = plot_scores(points)
    assert lines[1] == "0.00\u20130.05  │ 1"
    assert lines[-1] == f"0.95\u20131.00  │{'█' * 40} 1000"
    assert len(lines) == 22


def test_many_thresholds_are_one_row() -> None:
    lines = plot_scores([Point(0.3, number / 10, False) for number in range(1, 7)])
    assert [line for line in lines if "threshold" in line] == [
        "───────────┼─ thresholds from 0.10 to 0.60, 6 different ones"
    ]


def test_a_terminal_without_blocks_gets_plain_letters() -> None:
    lines = plot_scores([Point(0.1, 0.2, True)], encoding="ascii")
    assert lines[1] == "0.10-0.15  |# 1"
    assert "".join(lines).isascii()
    assert plot_scores([]) == []


def test_progress_is_for_terminals_and_for_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for is_terminal, seconds, shown in ((True, 1.0, True), (True, 0.1, False), (False, 1.0, False)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        times = (number * seconds for number in range(100))
        assert list(follow("abcdef", 6, "Work", lambda times=times: next(times))) == list("abcdef")
        text = capsys.readouterr().err
        assert ("Work: 50 %" in text) == shown
        assert text.endswith("\r") == shown
