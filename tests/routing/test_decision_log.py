"""The log of decisions: what is kept, for whom, how far back is read, what never fails."""

import errno
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from acp_agent.routing import decision_log, log_lines
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.decisions import DecisionOutcome, DecisionRecord, Logged, Skipped
from acp_agent.routing.prompt_hash import hash_text
from acp_agent.routing.proposal import Proposal
from acp_agent.routing.schema import SCHEMA_FILES, decision_schema, schema_text
from tests.fixtures.routing_records import BIG, HEAVY, make_feedback, make_record

ROOT = Path(__file__).resolve().parents[2]
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
FULL = replace(
    make_record("full", HEAVY),
    proposal=Proposal("gptoss_20b", "code_generation", "needs_delegation", 0.75),
    proposal_problem="p",
    skipped=[Skipped(BIG, "memory", "It needs 16 GB and 3 GB are free.")],
    outcome=DecisionOutcome(3.5, 0.25, 1200, 34, "cancelled", True, "It failed.", "ollama"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "routing.jsonl"


@pytest.fixture
def log(path: Path) -> DecisionLog:
    return DecisionLog(path)


def names(logs: list[Logged]) -> list[str]:
    return [logged.record.id for logged in logs]


def values(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_written_is_read(log: DecisionLog) -> None:
    for record in (FULL, make_record("bare")):
        log.write(record)
    assert log.all() == log.last(9) == [Logged(FULL), Logged(make_record("bare"))]
    assert log.last(1) == [Logged(make_record("bare"))]
    assert log.last(0) == []
    assert (log.problem, log.unread) == (None, 0)


def test_nothing_there_is_no_decision(log: DecisionLog, path: Path) -> None:
    assert log.last(5) == log.all() == []
    log.clear()
    assert not path.parent.exists()


def test_feedback_goes_with_its_decision(log: DecisionLog) -> None:
    for name in "abc":
        log.write(make_record(name))
    said = [make_feedback("a"), make_feedback("a", "mode_switched", mode="ollama")]
    assert all(log.mark(each) for each in [*said, said[0], make_feedback("nobody")])
    first, second, third = log.all()
    assert first.feedback == (said[1], said[0])
    assert first.was_wrong
    assert first.was_overridden
    assert not second.feedback + third.feedback


def test_of_one_session(log: DecisionLog) -> None:
    for number in range(20):
        log.write(make_record(str(number), session=f"s{number % 2}"))
    log.mark(make_feedback("17"))
    found = log.last(2, "s1")
    assert names(found) == ["17", "19"]
    assert [logged.was_wrong for logged in found] == [True, False]
    assert log.last(2, "s") == []
    log.write(make_record("x", session="s2", selected="s1"))
    assert names(log.last(1, "s1")) == ["19"]
    log.write(make_record("before", session="s2", when="2026-01-01T03:04:05.678Z"))
    assert names(log.last(2, "s2")) == ["before", "x"]


def test_lines_are_as_the_schema_says(log: DecisionLog, path: Path) -> None:
    log.write(FULL)
    log.write(make_record("bare"))
    log.mark(make_feedback("bare", "mode_switched", mode="ollama"))
    schema = decision_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for value in values(path):
        jsonschema.validate(value, schema)
        assert value["version"] == 1
    for broken in ({}, {"version": 2, "kind": "feedback", "decision": "a", "when": "w"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


@pytest.mark.parametrize("file", SCHEMA_FILES, ids=str)
def test_the_schemas_in_the_repository_are_up_to_date(file: Path) -> None:
    committed = (ROOT / file).read_text(encoding="utf-8")
    assert committed == schema_text(SCHEMA_FILES[file]()), "run python -m acp_agent.routing.schema"


@POSIX_ONLY
def test_files_are_for_this_user_only(log: DecisionLog, path: Path) -> None:
    old = os.umask(0)
    try:
        log.hash_prompt("x")
        log.write(FULL)
    finally:
        os.umask(old)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {"routing.jsonl": 0o600, "routing.key": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_prompts_are_kept_only_where_wanted(log: DecisionLog, path: Path) -> None:
    record = make_record("a", prompt="the secret")
    log.write(record)
    assert "secret" not in path.read_text()
    DecisionLog(path, keep_prompts=True).write(replace(record, id="b", prompt="secret é\ud800\n"))
    assert [logged.record.prompt for logged in log.all()] == [None, "secret é?\n"]


def test_texts_are_bounded(path: Path) -> None:
    log = DecisionLog(path, keep_prompts=True)
    long = "é\n" * 100_000
    decision = replace(FULL.decision, reason=long)
    skipped = [Skipped(long, "failed", long)] * 100
    outcome = replace(FULL.outcome, error=long, override=long)
    log.write(
        replace(
            FULL, decision=decision, skipped=skipped, outcome=outcome, prompt=long, session=long
        )
    )
    [found] = [logged.record for logged in log.all()]
    assert found.prompt == "é\n" * (log_lines.PROMPT_SIZE // 3) + "é"
    assert len(found.decision.reason) == log_lines.REASON_SIZE == 500
    assert path.stat().st_size < log_lines.PROMPT_SIZE * 2 + 20_000
    assert len(path.read_bytes().splitlines()) == 1


def test_odd_numbers_do_no_harm(log: DecisionLog) -> None:
    outcome = replace(FULL.outcome, seconds=float("inf"), first_token_seconds=float("nan"))
    log.write(replace(FULL, outcome=outcome))
    [found] = log.all()
    assert found.record.outcome.seconds is found.record.outcome.first_token_seconds is None


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"version":1,"kind":"decision"}',
        b'{"version":1,"kind":"other"}',
        b'{"version":2,"kind":"feedback","decision":"a","when":"w","verdict":"wrong"}',
    ],
)
def test_what_cannot_be_read_is_skipped_and_counted(
    line: bytes, log: DecisionLog, path: Path
) -> None:
    log.write(make_record("a"))
    with path.open("ab") as file:
        file.write(line + b"\n\n")
    log.write(make_record("b"))
    assert names(log.last(2)) == ["a", "b"]
    assert (log.unread, names(log.all()), log.unread) == (1, ["a", "b"], 1)


def test_fields_of_later_versions_are_ignored(log: DecisionLog, path: Path) -> None:
    log.write(FULL)
    [value] = values(path)
    path.write_text(json.dumps(value | {"later": {"a": []}}) + "\n")
    assert log.all() == [Logged(FULL)]


def test_the_last_ones_are_found_without_reading_all(
    log: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        log.write(make_record(str(number)))
    read: list[bytes] = []
    parse_line = log_lines.parse_line

    def parse(line: bytes) -> object:
        read.append(line)
        return parse_line(line)

    monkeypatch.setattr(log_lines, "parse_line", parse)
    assert names(log.last(5)) == ["295", "296", "297", "298", "299"]
    assert len(read) == 5
    assert names(log.last(250)) == [str(number) for number in range(50, 300)]


def test_the_file_is_bounded_and_the_newest_stay(
    log: DecisionLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_log, "FILE_SIZE", 4000)
    for number in range(50):
        log.write(make_record(str(number)))
    kept = names(log.all())
    assert 6 <= len(kept) < 50
    assert kept == [str(number) for number in range(50 - len(kept), 50)]
    assert len(list(path.parent.iterdir())) == 1 + decision_log.KEPT_FILES
    log.clear()
    assert list(path.parent.iterdir()) == []


WRITER = """
import sys
from pathlib import Path
from acp_agent.routing.decision_log import DecisionLog
from tests.fixtures.routing_records import make_record
log = DecisionLog(Path(sys.argv[1]))
for number in range(40):
    log.write(make_record(f"{sys.argv[2]}-{number}"))
print(log.hash_prompt("same"))
"""


def test_several_processes_write_whole_lines_and_share_one_key(
    log: DecisionLog, path: Path
) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(name)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in range(3)
    ]
    hashes = {process.communicate(timeout=60)[0] for process in started}
    assert hashes == {log.hash_prompt("same") + "\n"}
    assert len(log.all()) == 120
    assert log.unread == 0


def test_a_key_that_another_process_made_first_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = "ab" * 32

    def lose(_: Path, target: Path) -> None:
        target.write_text(theirs)
        raise FileExistsError

    monkeypatch.setattr(os, "link", lose)
    found = DecisionLog(path).hash_prompt("a")
    key = path.with_name("routing.key")
    assert key.read_text() == theirs
    assert found == hash_text("a", bytes.fromhex(theirs)) == DecisionLog(path).hash_prompt("a")
    assert list(path.parent.iterdir()) == [key]


def test_a_file_system_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    assert DecisionLog(path).hash_prompt("a") == DecisionLog(path).hash_prompt("a")


def test_of_a_decision_that_stands_twice_the_newer_counts(log: DecisionLog) -> None:
    for seconds in (1.0, 2.0):
        log.write(make_record("a", outcome=DecisionOutcome(seconds=seconds)))
    assert [logged.record.outcome.seconds for logged in log.all()] == [2.0]


def test_a_hash_tells_prompts_apart_but_only_with_the_key(path: Path) -> None:
    first = DecisionLog(path).hash_prompt("a")
    assert first == DecisionLog(path).hash_prompt("a") != DecisionLog(path).hash_prompt("b\ud800")
    assert len(first) == 32
    assert first != DecisionLog(path.parent / "other" / path.name).hash_prompt("a")
    # A key that was cut is made anew.
    path.with_name("routing.key").write_text("abc")
    assert DecisionLog(path).hash_prompt("a") not in (first, "")
    assert DecisionLog(path).hash_prompt("a") == DecisionLog(path).hash_prompt("a")


def test_the_record_of_every_origin_is_kept(log: DecisionLog) -> None:
    records: list[DecisionRecord] = [
        make_record("a", origin="tool_call"),
        make_record("b", origin="mcp", effective=""),
    ]
    for record in records:
        log.write(record)
    assert [logged.record for logged in log.all()] == records
