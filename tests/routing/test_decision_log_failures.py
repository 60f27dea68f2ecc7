"""A log that cannot be written: a sentence for the user, and no exception."""

import errno
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent.routing.decision_log import DecisionLog
from tests.fixtures.routing_records import make_feedback, make_record

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
FULL = make_record("full")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "routing.jsonl"


@pytest.fixture
def log(path: Path) -> DecisionLog:
    return DecisionLog(path)


def check_problem(log: DecisionLog, caplog: pytest.LogCaptureFixture, *words: str) -> None:
    """Nothing can be written: no exception, a sentence, and one line in the agent's log."""
    with caplog.at_level(logging.WARNING):
        log.write(FULL)
        assert not log.mark(make_feedback("full"))
        log.write(FULL)
    assert log.problem is not None
    assert log.problem.startswith("Routing decisions are not logged: ")
    assert all(word in log.problem for word in words), log.problem
    assert "/" not in log.problem
    assert [each.message for each in caplog.records] == [log.problem]
    assert log.all() == []
    assert len(log.hash_prompt("a")) == 32


def test_a_folder_in_its_place(
    log: DecisionLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    check_problem(log, caplog, "a folder stands in the place of routing.jsonl; remove it")


def test_a_file_in_the_place_of_its_folder(
    log: DecisionLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.touch()
    check_problem(log, caplog, "in the place of the state folder")


@POSIX_ONLY
def test_a_pipe_in_its_place(
    log: DecisionLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    check_problem(log, caplog, "not a regular file")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "yours and writable"),
    ],
)
def test_a_disk_that_refuses(
    code: int,
    words: str,
    log: DecisionLog,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        check_problem(log, caplog, words)
    log.write(FULL)
    assert log.problem is None
    assert [each.record.id for each in log.all()] == ["full"]


@POSIX_ONLY
def test_a_folder_of_somebody_else(
    log: DecisionLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    check_problem(log, caplog, "belongs to another user", "must be yours")


def test_half_a_line_costs_no_other(log: DecisionLog, path: Path) -> None:
    log.write(make_record("a"))
    with path.open("ab") as file:
        file.write(b'{"version":1,')
    path.chmod(0o600)
    log.write(replace(FULL, origin="nonsense"))  # pyright: ignore[reportArgumentType]
    assert log.problem == (
        "Routing decisions are not logged: a decision is not as it should be; please report that."
    )
    log.write(make_record("b"))
    assert [each.record.id for each in log.all()] == ["a", "b"]
    assert log.unread == 1


def test_another_process_may_have_left_half_a_line(log: DecisionLog, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b'{"version":1,"kind":"deci')
    log.write(make_record("a"))
    with path.open("ab") as file:
        file.write(b'{"version":1,"kind":"feed')
    assert log.mark(make_feedback("a"))
    log.write(make_record("b"))
    assert [(each.record.id, each.was_wrong) for each in log.all()] == [("a", True), ("b", False)]
    assert log.unread == 2
    assert b"\n\n" not in path.read_bytes()


def test_what_cannot_be_read_is_told(log: DecisionLog, path: Path) -> None:
    assert (log.all(), log.trouble) == ([], None)
    path.mkdir(parents=True)
    assert log.all() == []
    assert log.trouble == (
        "The decision log cannot be read: a folder stands in the place of routing.jsonl; remove it."
    )
    path.rmdir()
    log.write(make_record("a"))
    path.with_name("routing.jsonl.1").mkdir()
    assert [each.record.id for each in log.all()] == ["a"]
    assert "routing.jsonl.1; remove it" in (log.trouble or "")
    path.with_name("routing.jsonl.1").rmdir()
    assert (len(log.all()), log.trouble) == (1, None)
