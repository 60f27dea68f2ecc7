"""``acp-agent telemetry``: what it prints, on a terminal and into a pipe."""

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent import cli
from acp_agent.config.paths import find_paths
from acp_agent.telemetry.turns import TurnLog, TurnRecord

RECORD = TurnRecord(
    when="2026-01-02T03:04:05.678Z",
    backend="engine",
    mode="gptoss_20b",
    model="gpt-oss-20b",
    total_seconds=3.25,
    first_token_seconds=0.5,
    prompt_tokens=1200,
    cached_tokens=1000,
    generated_tokens=34,
    prefill_rate=400.0,
    decode_rate=20.55,
    memory_peak=13 * 2**30,
    stop_reason="end_turn",
)


@pytest.fixture
def log(isolated_home: Path) -> TurnLog:
    return TurnLog(find_paths().telemetry_file)


def invoke(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["acp-agent", "telemetry", *words])
    return cli.main()


def test_nothing_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    assert invoke(monkeypatch, "show") == 0
    assert capsys.readouterr() == ("No turn is recorded yet.\n", "")
    assert not find_paths().state.exists()


def test_show_into_a_pipe_is_a_line_a_turn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    log.append(replace(RECORD, when="not a time", prompt_tokens=None))
    log.append(replace(RECORD, cancelled=True, stop_reason="cancelled"))
    assert invoke(monkeypatch, "show") == 0
    header, first, second = capsys.readouterr().out.splitlines()
    rows = [
        dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in (first, second)
    ]
    assert (rows[0]["when"], rows[0]["prompt"], rows[0]["end"]) == ("not a time", "", "end_turn")
    assert rows[1]["end"] == "cancelled"
    assert rows[1]["when"].startswith("2026-01-0")
    assert (rows[1]["first token s"], rows[1]["decode/s"], rows[1]["peak"]) == (
        "0.50",
        "20.6",
        "13 GB",
    )


def test_show_takes_the_last_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    for number in range(30):
        log.append(replace(RECORD, model=f"model-{number}"))
    assert invoke(monkeypatch, "show", "-n", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[2] for line in lines[1:]] == ["model-28", "model-29"]
    invoke(monkeypatch, "show")
    assert len(capsys.readouterr().out.splitlines()) == 21
    with pytest.raises(SystemExit):
        invoke(monkeypatch, "show", "-n", "0")
    assert "must be at least 1" in capsys.readouterr().err


def test_show_on_a_terminal_is_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    log.append(replace(RECORD, mode="[bold]odd[/bold]"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    assert invoke(monkeypatch, "show") == 0
    output = capsys.readouterr().out
    assert "\t" not in output
    assert "gpt-oss-20b" in output
    assert "[bold]odd[/bold]" in output


def test_show_on_a_narrow_terminal_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    log.append(replace(RECORD, queue_seconds=0.25))
    log.append(replace(RECORD, model="other", prefill_rate=None, cached_tokens=None))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert invoke(monkeypatch, "show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].endswith("  gptoss_20b  gpt-oss-20b  end_turn")
    assert lines[1:3] == [
        "  first token s 0.50, total s 3.25, queue s 0.25, prompt 1200, cached 1000,",
        "  generated 34, prefill/s 400.0, decode/s 20.6, peak 13 GB",
    ]
    assert lines[3].endswith("  other  end_turn")
    assert "cached" not in "".join(lines[3:])
    monkeypatch.setenv("COLUMNS", "30")
    assert invoke(monkeypatch, "show", "-n", "1") == 0
    assert "  first token s 0.50," in capsys.readouterr().out.splitlines()


def test_export(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log: TurnLog,
    tmp_path: Path,
) -> None:
    for _ in range(30):
        log.append(RECORD)
    assert invoke(monkeypatch, "export") == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 30
    target = tmp_path / "out.json"
    assert invoke(monkeypatch, "export", "--format", "json", "-o", str(target)) == 0
    assert capsys.readouterr().out == ""
    assert [row["decode_rate"] for row in json.loads(target.read_text())] == [20.55] * 30


def test_export_to_where_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert invoke(monkeypatch, "export", "-o", str(tmp_path)) == 1
    assert capsys.readouterr().err.startswith(f"acp-agent: {tmp_path} cannot be written: ")


def test_clear(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: TurnLog
) -> None:
    log.append(RECORD)
    assert invoke(monkeypatch, "clear") == 0
    assert capsys.readouterr().out == "1 turn deleted.\n"
    assert log.all() == []
    assert invoke(monkeypatch, "clear") == 0
    assert capsys.readouterr().out == "0 turns deleted.\n"


def test_it_says_when_it_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    isolated_home: Path,
    log: TurnLog,
) -> None:
    log.append(RECORD)
    (isolated_home / "config.toml").write_text("[telemetry]\nenabled = false\n")
    assert invoke(monkeypatch, "show") == 0
    captured = capsys.readouterr()
    assert "switched off (telemetry.enabled)" in captured.err
    assert "gpt-oss-20b" in captured.out
