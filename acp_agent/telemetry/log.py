"""The log file: one line a record, several processes on one file, nothing on stderr.

Owns where log records go, their form and the files' size. Does not own what is logged;
whoever logs keeps prompts and answers out of it. Logging never raises and never waits:
what cannot be written is dropped.
"""

import contextlib
import logging
import re
import time
from pathlib import Path

from acp_agent.telemetry.shared_file import SharedFile

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
        self._file = SharedFile(path, size=FILE_SIZE, kept=KEPT_FILES)
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        # Logging must not hurt whoever logs, whatever a message's arguments do.
        with contextlib.suppress(Exception):
            line = _cut(self.format(record)) + "\n"
            self._file.write(line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._file.close()
        super().close()


def _cut(line: str) -> str:
    """``line`` within RECORD_SIZE; its end is kept, where a traceback names the error."""
    if len(line) <= RECORD_SIZE:
        return line
    half = RECORD_SIZE // 2
    return f"{line[:half]} [{len(line) - 2 * half} characters left out] {line[-half:]}"
