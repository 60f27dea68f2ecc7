"""Text files on the local disk, read whole and replaced whole.

Owns safe reading and atomic writing. Does not own encodings (``text_encoding``), nor which
paths are allowed (``acp_agent.permissions``).
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from acp_agent.tools.files.paths import check_unmoved
from acp_agent.tools.files.text_encoding import decode, encode
from acp_agent.tools.workspace import FileProblem, FileText

SIZE_LIMIT = 4 * 1024 * 1024
"""Bytes of the largest file that is read: editors get it several times in one diff."""


def _flags(*names: str) -> int:
    """Those of the flags of ``os.open`` that this system has."""
    return sum(getattr(os, name, 0) for name in names)  # each has a bit of its own


# A pipe must not be waited for, a link that came later not be followed.
_READ = _flags("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOCTTY")
_CREATE = _flags("O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")


class LocalFiles:
    """Files of the machine. Implements ``tools.workspace.Files``.

    Args:
        size_limit: bytes of the largest file that is read.
    """

    def __init__(self, size_limit: int = SIZE_LIMIT) -> None:
        self._size_limit = size_limit

    async def read(self, path: Path) -> FileText:
        """As ``Files.read``."""
        return await anyio.to_thread.run_sync(self._read, path, abandon_on_cancel=True)

    async def write(self, path: Path, text: FileText) -> None:
        """As ``Files.write``; a cancel waits for it, so that it is done or was not begun."""
        await anyio.to_thread.run_sync(_write, path, text)

    def _read(self, path: Path) -> FileText:
        try:
            check_unmoved(path)
            text = decode(read_bytes(path, self._size_limit))
        except (OSError, ValueError) as error:
            raise FileProblem(f"{path.name!r} cannot be read: {_reason(error)}.") from error
        if text is None:
            raise FileProblem(f"{path.name!r} is no text file.")
        return text


def read_bytes(path: Path, size_limit: int) -> bytes:
    """The content of the file ``path``, which must not be a link.

    Raises:
        FileProblem: it is no file, or has more than ``size_limit`` bytes.
        OSError: it cannot be read.
    """
    if path.is_dir():
        raise FileProblem(f"{path.name!r} is a folder, not a file.")
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError as error:
        raise FileProblem(f"There is no file {path.name!r}.") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileProblem(f"There is no file {path.name!r}: it is a device or a pipe.")
        data = file.read(size_limit + 1)
    if len(data) > size_limit:
        raise FileProblem(
            f"{path.name!r} is larger than {size_limit // 1024} KB: search it, or print the "
            "lines that you need with a command."
        )
    return data


def make_folder(folder: Path) -> None:
    """Makes ``folder`` and those above it, where they are missing.

    Raises:
        FileProblem: there is a file in its place.
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileProblem(f"{folder.name!r} is a file, not a folder.") from error


def _write(path: Path, text: FileText) -> None:
    try:
        data = encode(text)
    except UnicodeEncodeError as error:
        character = text.content[error.start : error.start + 1]
        raise FileProblem(
            f"{path.name!r} cannot be written: {character!r} is not in its encoding, "
            f"{text.encoding}. Write it in other characters."
        ) from error
    try:
        make_folder(path.parent)
        check_unmoved(path)
        _replace(path, data)
    except (OSError, ValueError) as error:
        raise FileProblem(f"{path.name!r} cannot be written: {_reason(error)}.") from error


def _replace(path: Path, data: bytes) -> None:
    """Puts ``data`` in the place of ``path`` in one step, with the old file's mode and owner."""
    old = _status(path)
    temporary = path.with_name(f".acp-agent-{secrets.token_hex(8)}.tmp")
    # Nobody else may look into it before it has the old file's mode.
    descriptor = os.open(temporary, _CREATE, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if old is not None:
                _take_over(path, old, temporary)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _status(path: Path) -> os.stat_result | None:
    """What there is at ``path`` now, if it may be replaced."""
    try:
        old = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(old.st_mode):
        raise FileProblem(f"{path.name!r} is no file; it was not replaced.")
    # Replacing needs no right to the file itself; that it is read-only must count all the same.
    if not old.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise FileProblem(f"{path.name!r} is read-only; it was not changed. Ask the user first.")
    return old


def _take_over(path: Path, old: os.stat_result, temporary: Path) -> None:
    if hasattr(os, "chown"):
        for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
            with suppress(PermissionError):
                os.chown(temporary, owner, group)
    if hasattr(os, "listxattr"):
        for name in os.listxattr(path):
            with suppress(OSError):
                os.setxattr(temporary, name, os.getxattr(path, name))
    os.chmod(temporary, stat.S_IMODE(old.st_mode) & 0o777)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(error: Exception) -> str:
    return (error.strerror or "it failed") if isinstance(error, OSError) else "it is no path"
