"""The log file: form, permissions, several processes, and that logging never hurts."""

import logging
import os
import re
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from acp_agent.telemetry import LogFile, NoLog, configure_logging, log, mask_login

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
logger = logging.getLogger("acp_agent.test")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Takes away what a test set up."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    raise_exceptions = logging.raiseExceptions
    yield
    logging.captureWarnings(False)
    logging.raiseExceptions = raise_exceptions
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "acp-agent.log"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def our_handlers() -> list[logging.Handler]:
    return [h for h in logging.getLogger().handlers if isinstance(h, LogFile | NoLog)]


def test_a_record_is_one_line_with_time_level_process_and_logger(
    log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_file, "info")
    logger.info("loaded %s", "a\nb\x1b[31m\u2028é")
    logger.debug("not written")

    [line] = log_file.read_text(encoding="utf-8").splitlines()
    time, rest = line.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest.startswith(f"INFO {os.getpid()} acp_agent.test: loaded")
    assert line.endswith(r": loaded a\nb\x1b[31m\u2028é")
    assert capfd.readouterr() == ("", "")


@POSIX_ONLY
def test_file_and_folder_are_for_this_user_only(log_file: Path) -> None:
    old = os.umask(0)
    try:
        configure_logging(log_file, "info")
    finally:
        os.umask(old)
    assert (mode(log_file), mode(log_file.parent)) == (0o600, 0o700)


@POSIX_ONLY
def test_a_file_open_to_others_is_closed_and_kept(log_file: Path) -> None:
    log_file.parent.mkdir()
    log_file.write_text("before\n")
    log_file.chmod(0o644)
    configure_logging(log_file, "info")
    logger.info("after")
    assert mode(log_file) == 0o600
    assert [line.split()[-1] for line in log_file.read_text().splitlines()] == ["before", "after"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_levels(log_file: Path, level: str) -> None:
    names = ["DEBUG", "INFO", "WARNING", "ERROR"]
    configure_logging(log_file, level)
    for name in names:
        logger.log(getattr(logging, name), "x")
    written = [line.split()[1] for line in log_file.read_text().splitlines()]
    assert written == names[names.index(level.upper()) :]


def test_the_http_client_is_heard_at_debug_only(log_file: Path) -> None:
    configure_logging(log_file, "info")
    logging.getLogger("httpx2").info("request one")
    logging.getLogger("httpcore2.http11").warning("odd")
    configure_logging(log_file, "debug")
    logging.getLogger("httpx2").info("request two")
    written = [line.split(": ")[1] for line in log_file.read_text().splitlines()]
    assert written == ["odd", "request two"]


def test_warnings_and_tracebacks_go_to_the_log(
    log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_file, "info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    try:
        raise ValueError("a\nb")
    except ValueError:
        logger.exception("failed")
    first, second = log_file.read_text().splitlines()
    assert "WARNING" in first
    assert "DeprecationWarning: old thing" in first
    assert second.endswith(r"ValueError: a\nb")
    assert r"failed\nTraceback (most recent call last):\n" in second
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://user:p@ss@host:1/a@b", "http://***@host:1/a@b"),
        ("https://token@host", "https://***@host"),
        ("http://host/a@b c@d", "http://host/a@b c@d"),
        ("x http://a:b@c http://d:e@f y", "x http://***@c http://***@f y"),
        ("user@host", "user@host"),
    ],
)
def test_logins_in_addresses_are_masked(log_file: Path, text: str, masked: str) -> None:
    assert mask_login(text) == masked
    configure_logging(log_file, "info")
    logger.info("calling %s", text)
    assert log_file.read_text().rstrip().endswith(f"calling {masked}")


def test_a_long_record_loses_its_middle(log_file: Path) -> None:
    configure_logging(log_file, "info")
    logger.info("begin %s end", "x" * 10**6)
    [line] = log_file.read_text().splitlines()
    assert len(line) < log.RECORD_SIZE + 100
    assert "begin x" in line
    assert "characters left out" in line
    assert line.endswith("x end")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("arguments", [("%d", "x"), ("%s %s", 1), ("%s", Unprintable())])
def test_bad_records_are_dropped_in_silence(
    log_file: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[object, ...]
) -> None:
    configure_logging(log_file, "info")
    logger.info(*arguments)
    logger.info("\udcff next")
    [line] = log_file.read_text().splitlines()
    assert line.endswith(r"\udcff next")
    assert capfd.readouterr() == ("", "")


def test_a_second_call_replaces_the_first(log_file: Path) -> None:
    configure_logging(log_file, "info")
    configure_logging(log_file.with_name("other.log"), "error")
    logger.error("x")
    assert len(our_handlers()) == 1
    assert log_file.read_text() == ""
    assert log_file.with_name("other.log").read_text().endswith("x\n")


@POSIX_ONLY
@pytest.mark.parametrize("obstacle", ["folder is a file", "folder", "pipe", "device"])
def test_without_a_usable_file_there_is_no_log_and_no_noise(
    log_file: Path, capfd: pytest.CaptureFixture[str], obstacle: str
) -> None:
    if obstacle == "folder is a file":
        log_file.parent.write_text("")
    else:
        log_file.parent.mkdir()
    if obstacle == "folder":
        log_file.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(log_file)
    elif obstacle == "device":
        log_file.symlink_to("/dev/full")
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    configure_logging(log_file, "info")
    logger.error("x")
    assert [type(handler) for handler in our_handlers()] == [NoLog]
    assert capfd.readouterr() == ("", "")
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


@POSIX_ONLY
def test_another_users_folder_gets_no_log(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_file.parent.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    configure_logging(log_file, "info")
    assert [type(handler) for handler in our_handlers()] == [NoLog]
    assert not log_file.exists()


def test_full_files_are_put_aside_and_the_oldest_dropped(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FILE_SIZE", 500)
    configure_logging(log_file, "info")
    for number in range(60):
        logger.info("record %02d", number)
    files = sorted(log_file.parent.iterdir())
    assert [file.name for file in files] == [f"acp-agent.log{end}" for end in ("", ".1", ".2")]
    kept = [line.split()[-1] for file in reversed(files) for line in file.read_text().splitlines()]
    assert kept == [f"{number:02d}" for number in range(60 - len(kept), 60)]
    assert all(500 <= file.stat().st_size < 700 for file in files[1:])


@POSIX_ONLY
def test_a_file_put_aside_or_removed_by_others_is_left(log_file: Path) -> None:
    configure_logging(log_file, "info")
    logger.info("one")
    log_file.rename(log_file.with_name("aside"))
    logger.info("two")
    log_file.unlink()
    logger.info("three")
    assert log_file.with_name("aside").read_text().endswith("one\n")
    assert [line.split()[-1] for line in log_file.read_text().splitlines()] == ["three"]


@POSIX_ONLY
def test_where_a_file_cannot_be_put_aside_it_grows(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FILE_SIZE", 500)
    (log_file.parent / "acp-agent.log.1" / "full").mkdir(parents=True)
    (log_file.parent / "acp-agent.log.2" / "full").mkdir(parents=True)
    configure_logging(log_file, "info")
    for _ in range(20):
        logger.info("x")
    assert len(log_file.read_text().splitlines()) == 20


def test_nothing_is_written_after_the_end(log_file: Path) -> None:
    handler = LogFile(log_file)
    handler.close()
    handler.close()
    handler.handle(logging.makeLogRecord({"msg": "late"}))
    assert log_file.read_text() == ""


WRITER = """
import logging, sys
from pathlib import Path
from acp_agent.telemetry import log
log.FILE_SIZE, log.KEPT_FILES = 4000, 200
log.configure_logging(Path(sys.argv[1]), "info")
print("ready", flush=True)
sys.stdin.read(1)
for number in range(400):
    logging.getLogger("writer").info("%s %d", sys.argv[2], number)
"""


@POSIX_ONLY
def test_several_processes_share_and_put_aside_one_file(log_file: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(log_file), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
    ends = [threading.Thread(target=writer.communicate, args=(b"x",)) for writer in writers]
    for end in ends:
        end.start()
    for end in ends:
        end.join(60)
    assert [writer.returncode for writer in writers] == [0, 0, 0]

    files = list(log_file.parent.iterdir())
    words = [line.split()[-2:] for file in files for line in file.read_text().splitlines()]
    assert sorted(words) == sorted([name, str(number)] for name in "abc" for number in range(400))
    # A file put aside twice would leave small ones.
    assert all(file.stat().st_size >= 4000 for file in files if file != log_file)
