"""The log file: one line a record, several processes on one file, nothing on stderr.

Owns where log records go, their form and the files' size and permissions. Does not own what
is logged; whoever logs keeps prompts and answers out of it. Logging never raises and never
waits: what cannot be written is dropped.
"""

import contextlib
import logging
import os
import re
import stat
import sys
import time
from pathlib import Path

from acp_agent.config.paths import private_folder

FILE_SIZE = 2 * 1024 * 1024
"""Bytes of one log file before it is put aside."""
KEPT_FILES = 2
"""Files put aside: ``NAME.1`` is the newest of them."""
RECORD_SIZE = 16 * 1024
"""Characters of one record; the middle of a longer one is left out."""

_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
_CONTROL = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
"""What would begin a new line or command a terminal, and what is written instead."""


def configure_logging(log_file: Path, level: str) -> None:
    """Sends all records of ``level`` and above, and warnings, to ``log_file``.

    The file is for this user only (0600, in a folder of 0700), is appended to, and is put
    aside when it reaches FILE_SIZE; any number of processes may share it. Where it cannot
    be opened there is no log. A second call replaces the first.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    logging.raiseExceptions = False
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LogFile | NoLog)]:
        root.removeHandler(old)
        old.close()
    try:
        handler: logging.Handler = LogFile(log_file)
    except OSError:
        handler = NoLog()
    root.addHandler(handler)
    root.setLevel(level.upper())
    # At info the HTTP client tells of every request, a poll every few seconds among them.
    for noisy in ("httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)


def mask_login(text: str) -> str:
    """``text`` with the user and password of every URL in it replaced by ``***``."""
    return _LOGIN.sub("***@", text)


class NoLog(logging.NullHandler):
    """In place of a file that cannot be opened; keeps Python from writing to stderr."""


class LineFormatter(logging.Formatter):
    """Time (UTC), level, process, logger and message on one line without a login in it."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(process)d %(name)s: %(message)s",
            datefmt="%Y-%m-%dT%H:%M:%S",
        )

    def format(self, record: logging.LogRecord) -> str:
        return mask_login(super().format(record)).translate(_CONTROL)


class LogFile(logging.Handler):
    """Appends to a file that other processes append to and put aside as well.

    Raises:
        OSError: the file cannot be opened, or its folder belongs to somebody else.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = _open(path)
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        # Logging must not hurt whoever logs, whatever a message's arguments do.
        with contextlib.suppress(Exception):
            line = _cut(self.format(record)) + "\n"
            with contextlib.suppress(OSError):
                self._follow()
            os.write(self._file, line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        with self.lock or contextlib.nullcontext():
            if self._file >= 0:
                os.close(self._file)
            # The number may soon be another file's, the editor's pipe for one.
            self._file = -1
        super().close()

    def _follow(self) -> None:
        """Goes to the file now at the path; puts it aside first when it is full."""
        opened = os.fstat(self._file)
        if not self._is_at_path(opened):
            self._reopen()
        elif opened.st_size >= FILE_SIZE:
            self._put_aside(opened)

    def _is_at_path(self, opened: os.stat_result) -> bool:
        try:
            return os.path.samestat(opened, os.stat(self._path))
        except FileNotFoundError:
            return False

    def _put_aside(self, opened: os.stat_result) -> None:
        if sys.platform == "win32":
            # There an open file cannot be renamed, by anybody.
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                self._rename()
            self._file = _open(self._path)
            return
        import fcntl

        # The lock is on the full file itself, so of all processes one renames it, once.
        # It goes with the descriptor. Whoever does not get it writes on as before.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._is_at_path(opened):
            self._rename()
        self._reopen()

    def _rename(self) -> None:
        names = [
            self._path,
            *(self._path.with_name(f"{self._path.name}.{n + 1}") for n in range(KEPT_FILES)),
        ]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)

    def _reopen(self) -> None:
        replacement = _open(self._path)
        os.close(self._file)
        self._file = replacement


def _open(path: Path) -> int:
    """A descriptor that appends to ``path``, a regular file of this user's only."""
    private_folder(path.parent)
    # Not blocking: opening a pipe that nobody reads would wait for a reader.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o600)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(f"{path} is not a regular file")
        if sys.platform != "win32" and mode & 0o077:
            os.fchmod(file, 0o600)
    except OSError:
        os.close(file)
        raise
    return file


def _cut(line: str) -> str:
    """``line`` within RECORD_SIZE; its end is kept, where a traceback names the error."""
    if len(line) <= RECORD_SIZE:
        return line
    half = RECORD_SIZE // 2
    return f"{line[:half]} [{len(line) - 2 * half} characters left out] {line[-half:]}"
