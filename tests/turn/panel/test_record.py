"""The log of panels: its lines, its file, its schema."""

import json
import stat
import sys
from pathlib import Path

import jsonschema

from acp_agent.turn.panel.record import CandidateRecord, PanelLog, PanelRecord, schema, write_line
from acp_agent.turn.panel.schema import SCHEMA_FILE, schema_text

ROOT = Path(__file__).resolve().parents[3]


def a_record() -> PanelRecord:
    record = PanelRecord("p1", "2026-01-01T00:00:00.000Z", "s1", "majority", 2, 120.0, 0.8)
    record.candidates = [
        CandidateRecord("one", "mlx", "smollm2-135m", "answered", 1.23456, 10, 5),
        CandidateRecord("two", outcome="left_out", problem="x" * 2000 + "\ud800"),
    ]
    record.groups, record.agreement, record.winner = [["one"]], 1.0, "one"
    return record


def test_a_line_is_bounded_and_matches_the_schema() -> None:
    line = write_line(a_record())
    assert line.endswith(b"\n")
    assert len(line) < 2000
    value = json.loads(line)
    jsonschema.validate(value, schema())
    assert value["version"] == 1
    assert value["candidates"][0]["seconds"] == 1.235
    assert "error" not in value


def test_the_schema_in_the_repository_is_this_one() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_the_file_is_for_this_user_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "panel.jsonl"
    log = PanelLog(file)
    log.append(a_record())
    log.append(a_record())
    assert len(file.read_bytes().splitlines()) == 2
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "panel.jsonl").mkdir()
    PanelLog(tmp_path / "panel.jsonl").append(a_record())


def test_the_last_panel_in_a_sentence() -> None:
    record = a_record()
    record.seconds = 2.5
    told = "majority, 1 answered, 1 left out; `one` was shown, agreement 100%; 2.5 s"
    assert record.describe() == told
    record.error = "No candidate answered."
    assert "failed: No candidate answered." in record.describe()
    record.cancelled = True
    assert "; cancelled;" in record.describe()
