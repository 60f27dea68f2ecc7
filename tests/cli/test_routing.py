"""``acp-agent routing``: what it prints and writes, and what it refuses."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent import cli
from acp_agent.config.paths import find_paths
from acp_agent.routing import weights as weights_module
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.decisions import DecisionOutcome, Skipped
from acp_agent.routing.profile import load_profile
from tests.fixtures.routing_records import (
    BIG,
    HEAVY,
    LIGHT,
    SMALL,
    WEIGHTS,
    make_feedback,
    make_record,
    write_lines,
)

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "routing" / "golden.jsonl"
Streams = pytest.CaptureFixture[str]


@pytest.fixture
def log(isolated_home: Path) -> DecisionLog:
    return DecisionLog(find_paths().decision_log)


@pytest.fixture
def filled(log: DecisionLog) -> DecisionLog:
    gate = [Skipped(BIG, "memory", "Too little.")]
    log.write(make_record("a"))
    log.write(make_record("b", outcome=DecisionOutcome(seconds=7.0)))
    log.write(make_record("c", HEAVY, skipped=gate, effective=SMALL))
    log.write(make_record("d", HEAVY))
    log.mark(make_feedback("b"))
    return log


def invoke(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["acp-agent", "routing", *map(str, words)])
    return cli.main()


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    return write_lines(
        tmp_path / "outcomes.jsonl",
        {"prompt": HEAVY, "weak": 0, "strong": 1},
        {"prompt": LIGHT, "weak": 1, "strong": True, "subject": "x"},
        {"prompt": "Hello there, my friend!" * 5, "weak": 0.5, "strong": 0.5},
    )


def test_nothing_is_logged(monkeypatch: pytest.MonkeyPatch, capsys: Streams) -> None:
    assert invoke(monkeypatch, "report") == 0
    assert invoke(monkeypatch, "replay", "--threshold", "0.2") == 0
    assert capsys.readouterr() == (
        "No decision is logged yet.\nNo prompt's decision is logged yet.\n",
        "",
    )
    assert invoke(monkeypatch, "calibrate") == 1
    assert (
        "No prompt was decided with the setting balanced yet; give files" in capsys.readouterr().err
    )
    assert not find_paths().state.exists()


def test_report(monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog) -> None:
    assert invoke(monkeypatch, "report") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(": 50 % to the big model, 25 % marked wrong, 0 % overridden by hand.")
    rows = [line.split() for line in lines]
    assert [SMALL, "3", "75", "%", "33", "%", "33", "%", "0", "%"] in rows
    assert [SMALL, "3", "2.50", "6.10", "0.50", "0.50", "0", "0"] in rows
    assert [BIG, "memory", "1"] in rows
    assert any("─ threshold " in line for line in lines)


def test_report_of_the_last_ones_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog
) -> None:
    assert invoke(monkeypatch, "report", "--json", "-n", "3") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["total"]["decisions"], report["total"]["wrong"]) == (3, 1)
    assert [point["delegate"] for point in report["points"]] == [False, True, True]


def test_it_says_what_it_skipped_and_when_the_log_is_off(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog, isolated_home: Path
) -> None:
    with (find_paths().decision_log).open("a") as file:
        file.write("broken\n")
    (isolated_home / "config.toml").write_text("[auto]\nlog = false\n")
    assert invoke(monkeypatch, "report") == 0
    assert capsys.readouterr().err.splitlines() == [
        "1 line was skipped: broken, or of another version.",
        "The log is switched off (auto.log); what follows was kept before.",
    ]


def test_replay(monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog) -> None:
    assert invoke(monkeypatch, "replay", "--threshold", "0.0", "-n", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        "4 decisions on prompts taken again.",
        "To the big model: 2 (50 %), now 4 (100 %).",
        "Changes: 2 to the big model, 0 to the small one.",
        "Marked wrong: 1 of 1 put right.",
        "Overridden by hand: 0 of 0 put right.",
        "Nobody objected: 1 of 3 come out otherwise.",
    ]
    assert lines[8].split()[2:6] == ["b", "small", "big", "wrong"]
    assert lines[9] == "1 of 2 changes shown, the newest."


def test_replay_as_json_with_other_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog, tmp_path: Path
) -> None:
    packaged = Path(weights_module.__file__).with_name("weights.json")
    weights = json.loads(packaged.read_text())
    other = write_lines(tmp_path / "weights.json", weights | {"bias": 20.0})
    assert invoke(monkeypatch, "replay", "--weights", other, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["to_big"], found["wrong"]) == (2, {"decisions": 1, "changed": 1})
    assert [(each["id"], each["complaint"]) for each in found["changes"]] == [
        ("a", None),
        ("b", "wrong"),
    ]
    assert found["changes"][0]["now"]["score"] > found["changes"][0]["before"]["score"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["replay"], "Say what is to be tried: --threshold"),
        (["replay", "--weights", "/nowhere/w.json"], "w.json cannot be read"),
        (["evaluate", "/nowhere/x.jsonl"], "x.jsonl cannot be read: No such file"),
    ],
)
def test_refusals(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: Streams
) -> None:
    assert invoke(monkeypatch, *words) == 1
    assert message in capsys.readouterr().err


def test_calibrate_writes_only_when_told_and_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog
) -> None:
    profile = find_paths().routing_profile
    for name in "abefg":
        filled.write(make_record(name))
        filled.mark(make_feedback(name))
    assert invoke(monkeypatch, "calibrate") == 0
    text = capsys.readouterr().out
    assert "(the packaged one). Proposed: " in text
    assert "These are few: " in text
    assert "Nothing is written" in text
    assert not profile.exists()
    assert invoke(monkeypatch, "calibrate", "--write") == 0
    assert f"Written to {profile}" in capsys.readouterr().out
    found = load_profile(profile, WEIGHTS)
    assert found is not None
    assert found.threshold < make_record("x").decision.score
    assert (found.decisions, found.method) == (7, "least cost of errors, from the decision log")
    assert invoke(monkeypatch, "calibrate") == 0
    assert f"Threshold now: {found.threshold:.4f} (your profile)" in capsys.readouterr().out
    for words in ("Taken back: the packaged threshold holds.\n", "There was no profile.\n"):
        assert invoke(monkeypatch, "calibrate", "--reset") == 0
        assert capsys.readouterr().out == words
    assert not profile.exists()


def test_calibrate_to_a_share_needs_no_objection(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, log: DecisionLog
) -> None:
    for number, prompt in enumerate([LIGHT, "Thanks!", HEAVY, "Fix main.py and test.py"]):
        log.write(make_record(str(number), prompt))
    assert invoke(monkeypatch, "calibrate") == 1
    assert "Nobody has objected" in capsys.readouterr().err
    assert invoke(monkeypatch, "calibrate", "--share", "0.25") == 0
    assert "of 4 prompts are delegated now, 1 with the proposed one" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        invoke(monkeypatch, "calibrate", "--share", "2")
    assert "argument --share: '2' is not a number from 0 to 1" in capsys.readouterr().err


def test_calibrate_from_files(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, outcomes: Path
) -> None:
    assert invoke(monkeypatch, "calibrate", GOLDEN) == 0
    assert "judgements." in capsys.readouterr().out
    assert invoke(monkeypatch, "calibrate", outcomes) == 1
    assert "says of no prompt whom it is for" in capsys.readouterr().err
    assert invoke(monkeypatch, "calibrate", outcomes, "--share", "0.34") == 0
    assert "3 prompts are delegated now, 1 with" in capsys.readouterr().out


def test_only_balanced_decisions_calibrate_the_balanced_threshold(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, log: DecisionLog
) -> None:
    log.write(make_record("a", setting="frugal"))
    log.mark(make_feedback("a"))
    assert invoke(monkeypatch, "calibrate") == 1
    log.write(make_record("b"))
    log.mark(make_feedback("b"))
    capsys.readouterr()
    assert invoke(monkeypatch, "calibrate") == 0
    assert "1 decision on prompts taken again." in capsys.readouterr().out


def test_an_odd_profile_does_not_keep_from_calibrating(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog
) -> None:
    (find_paths().routing_profile).write_text("{}")
    assert invoke(monkeypatch, "calibrate") == 0
    assert "The routing profile routing-profile.json is not used" in capsys.readouterr().out


def test_clear(monkeypatch: pytest.MonkeyPatch, capsys: Streams, filled: DecisionLog) -> None:
    assert invoke(monkeypatch, "clear") == 0
    assert invoke(monkeypatch, "clear") == 0
    assert capsys.readouterr().out == "4 decisions deleted.\n0 decisions deleted.\n"
    assert filled.all() == []


def test_what_the_log_says_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, log: DecisionLog
) -> None:
    log.write(replace(make_record("a"), effective="\x1b[31mred\x07 [bold]x[/bold]"))
    assert invoke(monkeypatch, "report") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]x[/bold]" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["replay", "--threshold", "abc"], "--threshold: 'abc' is not a number from 0 to 1"),
        (["replay", "--threshold", "nan"], "--threshold: 'nan' is not a number from 0 to 1"),
        (["report", "-n", "abc"], "-n: 'abc' is not a whole number of at least 1"),
        (["report", "-n", "0"], "-n: '0' is not a whole number of at least 1"),
        (
            ["replay", "--threshold", "0.5", "--setting", "eager"],
            "--setting: not allowed with argument --threshold",
        ),
    ],
)
def test_odd_options(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: Streams
) -> None:
    with pytest.raises(SystemExit):
        invoke(monkeypatch, *words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["report"], ["replay", "--setting", "eager"], ["calibrate"]])
def test_a_log_that_cannot_be_read_is_told(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Streams, isolated_home: Path
) -> None:
    find_paths().decision_log.mkdir(parents=True)
    assert invoke(monkeypatch, *words) == 1
    assert capsys.readouterr() == (
        "",
        "acp-agent: The decision log cannot be read: a folder stands in the place of "
        "routing.jsonl; remove it.\n",
    )
