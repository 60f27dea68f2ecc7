"""The figures of turns: what is kept, for whom, and that it never hurts a turn."""

import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from acp_agent.telemetry import turns
from acp_agent.telemetry.turns import TurnLog, TurnRecord, as_meta, export_records, timestamp

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")

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
    decode_rate=20.5,
    memory_peak=12_000_000_000,
    queue_seconds=0.0,
    stop_reason="end_turn",
)
BARE = TurnRecord(when="w", backend="b", mode="m", model="x", total_seconds=1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "turns.jsonl"


@pytest.fixture
def log(path: Path) -> TurnLog:
    return TurnLog(path)


def numbered(number: int) -> TurnRecord:
    return replace(RECORD, prompt_tokens=number)


def numbers(records: list[TurnRecord]) -> list[int | None]:
    return [record.prompt_tokens for record in records]


def test_what_is_appended_is_read(log: TurnLog) -> None:
    log.append(RECORD)
    log.append(BARE)
    assert log.last(10) == log.all() == [RECORD, BARE]
    assert log.last(1) == [BARE]
    assert log.last(0) == []


def test_nothing_there_is_no_record(log: TurnLog) -> None:
    assert log.last(5) == log.all() == []
    log.clear()


@POSIX_ONLY
def test_the_file_is_for_this_user_only(log: TurnLog, path: Path) -> None:
    old = os.umask(0)
    try:
        log.append(RECORD)
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (path, path.parent)]
    assert modes == [0o600, 0o700]


def test_a_record_is_one_line_of_json(log: TurnLog, path: Path) -> None:
    log.append(replace(BARE, model="a\nb\u2028é" + "x" * 500))
    [line] = path.read_bytes().splitlines()
    value = json.loads(line)
    assert value["model"] == ("a?b??" + "x" * 500)[: turns.TEXT_SIZE]
    assert set(value) == {field.name for field in fields(TurnRecord)}


def test_no_field_can_hold_text_or_a_session() -> None:
    texts = {field.name for field in fields(TurnRecord) if "str" in str(field.type)}
    assert texts == {"when", "backend", "mode", "model", "stop_reason"}


@POSIX_ONLY
def test_a_models_folder_is_not_told(log: TurnLog) -> None:
    for model in ("/home/somebody/models/mine", "~/mine", "org/name"):
        log.append(replace(BARE, model=model))
    assert [record.model for record in log.all()] == ["mine", "mine", "org/name"]


def test_numbers_that_are_none_and_odd_ones(log: TurnLog) -> None:
    log.append(replace(BARE, decode_rate=float("inf"), total_seconds=float("nan")))
    [record] = log.all()
    assert (record.decode_rate, record.total_seconds) == (None, 0.0)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"when": "w"}',
        b'{"when": 1, "backend": "b", "mode": "m", "model": "x", "total_seconds": 1}',
        b'{"when": "w", "backend": "b", "mode": "m", "model": "x", "total_seconds": "1"}',
    ],
)
def test_broken_lines_are_skipped(line: bytes, log: TurnLog, path: Path) -> None:
    log.append(numbered(1))
    with path.open("ab") as file:
        file.write(line + b"\n")
    log.append(numbered(2))
    assert numbers(log.last(2)) == [1, 2]


def test_fields_of_later_versions_are_ignored(log: TurnLog, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        '{"when":"w","backend":"b","mode":"m","model":"x","total_seconds":1,"later":{"a":[]}}\n'
    )
    assert log.all() == [BARE]


def test_the_file_is_bounded_and_the_newest_stay(
    log: TurnLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FILE_SIZE", 4000)
    for number in range(100):
        log.append(numbered(number))
    kept = numbers(log.all())
    assert kept == list(range(100 - len(kept), 100))
    assert len(kept) >= 4000 // len(json.dumps(turns.as_meta(RECORD)))
    assert sorted(file.name for file in path.parent.iterdir()) == ["turns.jsonl", "turns.jsonl.1"]
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 2 * 4500


def test_a_thousand_of_the_longest_records_fit(log: TurnLog, path: Path) -> None:
    odd = '"' * 500
    log.append(
        TurnRecord(
            when=odd,
            backend=odd,
            mode=odd,
            model=odd,
            stop_reason=odd,
            **dict.fromkeys(FLOATS, 12345678901234.568),
            **dict.fromkeys(INTEGERS, 2**63),
        )
    )
    assert path.stat().st_size * 1000 <= turns.FILE_SIZE


FLOATS = ("total_seconds", "first_token_seconds", "prefill_rate", "decode_rate", "queue_seconds")
INTEGERS = ("prompt_tokens", "cached_tokens", "generated_tokens", "memory_peak")


def test_clearing_deletes_every_file(
    log: TurnLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FILE_SIZE", 500)
    for number in range(10):
        log.append(numbered(number))
    assert len(list(path.parent.iterdir())) == 2
    log.clear()
    assert list(path.parent.iterdir()) == []
    log.append(RECORD)
    assert log.all() == [RECORD]


def test_a_turn_does_not_fail_for_its_figures(path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()
    TurnLog(path).append(RECORD)
    TurnLog(path / "x" / ("y" * 500)).append(RECORD)
    assert TurnLog(path).all() == []


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from acp_agent.telemetry.turns import TurnLog, TurnRecord
print("ready", flush=True)
sys.stdin.read(1)
log = TurnLog(Path(sys.argv[1]))
record = TurnRecord(when="w", backend=sys.argv[2], mode="m", model="x", total_seconds=1.0)
for number in range(100):
    log.append(replace(record, prompt_tokens=number))
"""


def test_several_processes_append_at_once(log: TurnLog, path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("x")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    found = [(record.backend, record.prompt_tokens) for record in log.all()]
    assert sorted(found, key=str) == sorted(
        [(name, number) for name in "abc" for number in range(100)], key=str
    )


def test_export_as_json_and_csv() -> None:
    assert json.loads(export_records([RECORD, BARE], "json"))[0]["prompt_tokens"] == 1200
    rows = list(csv.DictReader(io.StringIO(export_records([RECORD, BARE], "csv"))))
    assert [row["model"] for row in rows] == ["gpt-oss-20b", "x"]
    assert rows[1]["prompt_tokens"] == ""
    assert export_records([], "csv").startswith("when,backend,mode,model,total_seconds,")


def test_meta_has_wire_names_and_no_unknowns() -> None:
    meta = as_meta(RECORD)
    assert meta["firstTokenSeconds"] == 0.5
    assert meta["memoryPeak"] == 12_000_000_000
    assert meta["stopReason"] == "end_turn"
    assert "when" not in meta
    assert as_meta(BARE) == {
        "backend": "b",
        "mode": "m",
        "model": "x",
        "totalSeconds": 1.0,
        "cancelled": False,
    }


def test_the_timestamp_is_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp())


def test_appending_imports_little() -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from acp_agent.telemetry.turns import TurnLog, TurnRecord;"
        "TurnLog(Path(sys.argv[1])).append("
        "TurnRecord(when='', backend='', mode='', model='', total_seconds=1));"
        "assert 'pydantic' not in sys.modules"
    )
    target = Path(os.environ["ACP_AGENT_HOME"]) / "turns.jsonl"
    subprocess.run([sys.executable, "-c", code, str(target)], check=True, timeout=60)
    assert len(TurnLog(target).all()) == 1


def test_a_torn_last_line_costs_no_other(log: TurnLog, path: Path) -> None:
    log.append(numbered(1))
    with path.open("ab") as file:
        file.write(b'{"when":"2026')
    log.append(numbered(2))
    log.append(numbered(3))
    assert numbers(log.all()) == [1, 2, 3]
    assert b"\n\n" not in path.read_bytes()
