"""The tool ``read_file``: a text file of the project, or some lines of it.

Owns ranges, the cap on what a model gets at once, and telling text from other files. Does
not own which paths are open (``project``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import anyio.to_thread
from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.base import (
    Arguments,
    Kind,
    Outcome,
    Place,
    parameters_of,
    read_arguments,
)
from acp_agent.tools.project import OutsideProject, find_path

SIZE_LIMIT = 64 * 1024
"""Bytes of text that one call returns at most, about 20,000 tokens."""
_SNIFFED = 8192
_MOST = 1_000_000_000


class ReadFileArguments(Arguments):
    """The arguments of ``read_file``."""

    path: str = Field(min_length=1, description="Path in the project folder")
    line: int = Field(default=1, ge=1, le=_MOST, description="First line, from 1")
    limit: int = Field(default=1000, ge=1, le=_MOST, description="Most lines to read")


class ReadFile:
    """Reads text files. Implements ``RunnableTool``."""

    tool = Tool("read_file", "Read a text file.", parameters_of(ReadFileArguments))
    kind: Kind = "read"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"Read {arguments.get('path', 'a file')}"

    def places(self, arguments: Mapping[str, Any], root: Path) -> tuple[Place, ...]:
        """As ``RunnableTool.places``."""
        wanted = read_arguments(ReadFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return ()
        try:
            path = find_path(root, wanted.path)
        except OutsideProject:
            return ()
        return (Place(str(path), wanted.line),)

    async def run(self, arguments: Mapping[str, Any], root: Path) -> Outcome:
        """As ``RunnableTool.run``."""
        wanted = read_arguments(ReadFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        return await anyio.to_thread.run_sync(_read, wanted, root, abandon_on_cancel=True)


def _read(wanted: ReadFileArguments, root: Path) -> Outcome:
    try:
        path = find_path(root, wanted.path)
        if path.is_dir():
            return Outcome(f"{wanted.path!r} is a folder, not a file.", failed=True)
        if not path.is_file():  # a pipe or a device would be waited for
            return Outcome(f"There is no file {wanted.path!r}.", failed=True)
        if _is_binary(path):
            return Outcome(f"{wanted.path!r} is no text file.", failed=True)
        return _read_lines(wanted, path)
    except OutsideProject as error:
        return Outcome(str(error), failed=True)
    except OSError as error:
        return Outcome(f"{wanted.path!r} cannot be read: {error.strerror}.", failed=True)


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(_SNIFFED)


def _read_lines(wanted: ReadFileArguments, path: Path) -> Outcome:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for _ in range(wanted.line - 1):
            if not _skip_line(file):
                break
        taken, left = _take_lines(file, wanted.limit)
        is_more = bool(left or file.read(1))
    if not taken and not left and wanted.line > 1:
        return Outcome(f"{wanted.path!r} has fewer than {wanted.line} lines.", failed=True)
    text, last = "".join(taken), wanted.line + len(taken) - 1
    if left and not taken:
        text = left.encode()[:SIZE_LIMIT].decode(errors="ignore")
        text += f"\n[line {wanted.line} is cut here: it is too long to be read]"
    elif is_more:
        text += f"\n[lines {wanted.line} to {last}; read on with line {last + 1}]"
    return Outcome(text or "[the file is empty]")


def _skip_line(file: TextIO) -> bool:
    """Reads past a line, however long it is; False at the end."""
    while piece := file.readline(SIZE_LIMIT):
        if piece.endswith(("\n", "\r")):
            return True
    return False


def _take_lines(file: TextIO, limit: int) -> tuple[list[str], str]:
    """Lines of at most ``SIZE_LIMIT`` bytes together, and the start of one that was too many."""
    taken: list[str] = []
    size = 0
    while len(taken) < limit and (line := file.readline(SIZE_LIMIT)):
        size += len(line.encode())
        if size > SIZE_LIMIT or (len(line) == SIZE_LIMIT and not line.endswith("\n")):
            return taken, line
        taken.append(line)
    return taken, ""
