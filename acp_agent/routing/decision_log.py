"""The log of routing decisions: one JSON object a line, several processes on one file.

Owns the file, reading and writing, and saying why it cannot be written. Does not own what
a line says (``log_shape``) nor who shows it (``turn/commands``, ``cli/routing``).
Nothing is ever sent anywhere. Issue 5, section 3.
"""

import errno
import json
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from acp_agent.routing.decisions import DecisionRecord, Feedback, Logged
from acp_agent.routing.prompt_hash import KEY_SIZE, hash_text, load_key
from acp_agent.telemetry.shared_file import SharedFile, put_aside_names

_LOG = logging.getLogger(__name__)

FILE_SIZE = 4_000_000
"""Bytes of one file before it is put aside: about 2500 decisions without their prompts."""
KEPT_FILES = 2
"""Files put aside; ``NAME.1`` is the newer of them."""
_BLOCK = 64 * 1024
"""Bytes read at once, from the file's end backwards."""
_KIND = 64
"""Bytes of a line's start in which its kind stands."""

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your share of the disk is used up; free some space",
    errno.EROFS: "the disk is read-only; make the state folder writable",
    errno.EISDIR: "a folder stands in the place of {name}; remove it",
    errno.ENXIO: "{name} is not a regular file; remove it",
    errno.ENOTDIR: "a file stands in the place of the state folder; remove it",
    errno.EEXIST: "a file stands in the place of the state folder; remove it",
}
"""What to do about an error of the system; ``{name}`` is the file's name."""


class DecisionLog:
    """The log in the file at ``path``, which need not exist; for this user only (0600).

    Writing never raises: where it fails, ``problem`` says why.

    Args:
        keep_prompts: whether the prompts' text is kept; else only a keyed hash is.
    """

    def __init__(self, path: Path, *, keep_prompts: bool = False) -> None:
        self._path = path
        self._keep_prompts = keep_prompts
        self._key: bytes | None = None
        self._problem: str | None = None
        self._trouble: str | None = None
        self._unread = 0

    @property
    def problem(self) -> str | None:
        """Why the last line could not be written, and what to do: a sentence without paths;
        None where it was written."""
        return self._problem

    @property
    def unread(self) -> int:
        """Lines that the last reading skipped: broken, or of a later version."""
        return self._unread

    @property
    def trouble(self) -> str | None:
        """Why the last reading missed a file, and what to do: a sentence without paths; None
        where it read them all."""
        return self._trouble

    def prepare(self) -> None:
        """Imports what writing needs, which takes some 30 ms; may be called in a thread."""
        from acp_agent.routing.log_lines import parse_line

        parse_line(b"{}")
        self.hash_prompt("")

    def hash_prompt(self, text: str) -> str:
        """A keyed hash of ``text``; the same for all processes of this user. Where the key
        can be neither read nor kept, the same for this process."""
        if self._key is None:
            try:
                self._key = load_key(self._path.with_name(f"{self._path.stem}.key"))
            except OSError as error:
                _LOG.info("the key for prompts was not kept: %s", type(error).__name__)
                self._key = secrets.token_bytes(KEY_SIZE)
        return hash_text(text, self._key)

    def write(self, record: DecisionRecord) -> None:
        """Adds ``record``: one small write."""
        from acp_agent.routing.log_lines import write_decision

        self._append(lambda: write_decision(record, keep_prompt=self._keep_prompts))

    def mark(self, feedback: Feedback) -> bool:
        """Adds ``feedback``; whether it was written."""
        from acp_agent.routing.log_lines import write_feedback

        return self._append(lambda: write_feedback(feedback))

    def last(self, count: int, session: str | None = None) -> list[Logged]:
        """The ``count`` decisions written last, of ``session`` where one is given, by the time
        when they were made, oldest first. Reads only as far back as it needs to.

        A decision is written once its outcome is known: that on a prompt after those on the
        calls that the small model made for it.
        """
        return self._read(count, session)

    def all(self) -> list[Logged]:
        """Every decision that is kept, by the time when it was made, oldest first."""
        return self._read(None, None)

    def clear(self) -> None:
        """Deletes every decision; the key stays.

        Raises:
            OSError: a file cannot be deleted.
        """
        for file in self._files():
            file.unlink(missing_ok=True)

    def _append(self, make: Callable[[], bytes]) -> bool:
        try:
            line = make()
            file = SharedFile(self._path, size=FILE_SIZE, kept=KEPT_FILES, mends=True)
            try:
                file.write(line)
            finally:
                file.close()
        except Exception as error:
            # A turn must not fail for its log.
            self._tell(error)
            return False
        self._problem = None
        return True

    def _tell(self, error: Exception) -> None:
        problem = f"Routing decisions are not logged: {_explain(error, self._path)}."
        if problem != self._problem:
            _LOG.warning("%s", problem)
        self._problem = problem

    def _read(self, count: int | None, session: str | None) -> list[Logged]:
        from acp_agent.routing.log_lines import parse_line

        self._unread = 0
        self._trouble = None
        records: dict[str, DecisionRecord] = {}
        said: dict[str, list[Feedback]] = {}
        for line in self._lines_backwards(session):
            if count is not None and len(records) >= count:
                break
            match parse_line(line):
                case DecisionRecord() as record:
                    # A file put aside meanwhile is read twice.
                    if session in (None, record.session) and record.id not in records:
                        records[record.id] = record
                case Feedback() as feedback:
                    known = said.setdefault(feedback.decision, [])
                    if feedback not in known:
                        known.append(feedback)
                case None:
                    self._unread += 1
        found = list(reversed(records.values()))
        found.sort(key=lambda record: record.when)
        return [Logged(record, tuple(reversed(said.get(record.id, [])))) for record in found]

    def _lines_backwards(self, session: str | None) -> Iterator[bytes]:
        """The lines, newest first; those of other sessions mostly left out, unread."""
        wanted = (
            b""
            if session is None
            else json.dumps(session, ensure_ascii=False).encode("utf-8", "replace")
        )
        for file in self._files():
            try:
                for line in _read_backwards(file):
                    if line.strip() and (wanted in line or b'"feedback"' in line[:_KIND]):
                        yield line
            except OSError as error:
                self._trouble = f"The decision log cannot be read: {_explain(error, file)}."

    def _files(self) -> list[Path]:
        return [self._path, *put_aside_names(self._path, KEPT_FILES)]


def _explain(error: Exception, path: Path) -> str:
    if not isinstance(error, OSError):
        return "a decision is not as it should be; please report that"
    if error.errno in _CAUSES:
        return _CAUSES[error.errno].format(name=path.name)
    if error.errno is None:
        return _CAUSES[errno.ENXIO].format(name=path.name)
    reason = (error.strerror or "unknown error").lower()
    return f"{reason}; the state folder must be yours and writable"


def _read_backwards(path: Path) -> Iterator[bytes]:
    """The lines of the file at ``path`` without their ends, the last first; none where
    nothing is there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # Opening a pipe would wait for a writer.
            raise OSError(errno.EISDIR if path.is_dir() else errno.ENXIO, "not a regular file")
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            rest = b""
            while position:
                start = max(0, position - _BLOCK)
                file.seek(start)
                rest, *lines = (file.read(position - start) + rest).split(b"\n")
                yield from reversed(lines)
                position = start
    except FileNotFoundError:
        return
    yield rest
