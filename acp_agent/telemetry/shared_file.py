"""A file that several processes append to, with the full ones put aside.

Owns opening, permissions, appending and putting aside. Does not own what the lines say
(``telemetry/log``, ``telemetry/turns``).
"""

import contextlib
import os
import stat
import sys
from pathlib import Path

from acp_agent.config.paths import private_folder


class SharedFile:
    """The file at ``path``, open for appending; for this user only (0600, folder 0700).

    Each write is one system call at the end of the file, so that lines of several
    processes stay whole.

    Args:
        size: bytes from which the file is put aside before the next write.
        kept: how many files put aside stay; ``NAME.1`` is the newest of them.
        mends: whether a write begins a line of its own where the last one has no end, as
            after a crash or on a full disk; readers must pass over empty lines then.

    Raises:
        OSError: the file cannot be opened, or its folder belongs to somebody else.
    """

    def __init__(self, path: Path, *, size: int, kept: int, mends: bool = False) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._mends = mends
        self._file = _open(path)

    def write(self, line: bytes) -> None:
        """Appends ``line``, to the file now at the path.

        Raises:
            OSError: it cannot be written, or the file is closed.
        """
        with contextlib.suppress(OSError):
            self._follow()
        if self._mends and self._is_torn():
            line = b"\n" + line
        os.write(self._file, line)

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
        # The number may soon be another file's, the editor's pipe for one.
        self._file = -1

    def _follow(self) -> None:
        """Goes to the file now at the path; puts it aside first when it is full."""
        opened = os.fstat(self._file)
        if not self._is_at_path(opened):
            self._reopen()
        elif opened.st_size >= self._size:
            self._put_aside(opened)

    def _is_torn(self) -> bool:
        """Whether the file ends within a line. Another process may just be writing one; the
        empty line that comes of it costs nothing."""
        with contextlib.suppress(OSError):
            if os.fstat(self._file).st_size:
                # Where the descriptor stands is nothing to writes: they go to the end.
                os.lseek(self._file, -1, os.SEEK_END)
                return os.read(self._file, 1) != b"\n"
        return False

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
        names = [self._path, *put_aside_names(self._path, self._kept)]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)

    def _reopen(self) -> None:
        replacement = _open(self._path)
        os.close(self._file)
        self._file = replacement


def put_aside_names(path: Path, kept: int) -> list[Path]:
    """Where the files go that were put aside from ``path``, the newest first."""
    return [path.with_name(f"{path.name}.{number + 1}") for number in range(kept)]


def _open(path: Path) -> int:
    """A descriptor that reads ``path`` and appends to it, a regular file of this user's only."""
    private_folder(path.parent)
    # Not blocking: opening a pipe that nobody reads would wait for a reader.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
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
