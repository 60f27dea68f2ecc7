"""The tool ``read_file``: a text file, or some lines of it.

Owns ranges, and the cap on what a model gets at once. Does not own which paths are open
(``acp_agent.permissions``), nor reading (``workspace.Files``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import (
    Arguments,
    Editor,
    Kind,
    Outcome,
    Place,
    Prepared,
    parameters_of,
    read_arguments,
)
from acp_agent.tools.files.paths import find, shorten
from acp_agent.tools.files.quoting import quoted
from acp_agent.tools.workspace import FileProblem, FileText, Workspace

_NOTE_SIZE = 200
"""Bytes kept free of ``Workspace.result_limit`` for the remark at the end."""
_INEXACT = "bytes that are no text are shown as \N{REPLACEMENT CHARACTER}"


class ReadFileArguments(Arguments):
    """The arguments of ``read_file``."""

    path: str
    line: int = Field(default=1, ge=1, description="First line, from 1")
    limit: int = Field(default=1000, ge=1, description="Most lines")


class ReadFile:
    """Reads text files. Implements ``RunnableTool``."""

    tool = Tool("read_file", "Reads a text file.", parameters_of(ReadFileArguments))
    kind: Kind = "read"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"Read {shorten(arguments, 'path', 'a file')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(ReadFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            path = await find(workspace, wanted.path)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)

        async def run(editor: Editor) -> Outcome:
            return await _read(wanted, path, workspace)

        places = (Place(str(path), wanted.line),)
        return Prepared(Action("read", (path,)), run, places=places)


async def _read(wanted: ReadFileArguments, path: Path, workspace: Workspace) -> Outcome:
    try:
        text = await workspace.files.read(path)
    except FileProblem as problem:
        return Outcome(str(problem), failed=True)
    outcome = _take_lines(wanted, text, workspace.result_limit - _NOTE_SIZE)
    if not outcome.failed:
        workspace.note_seen(path, text.content)
    return outcome


def _take_lines(wanted: ReadFileArguments, text: FileText, size_limit: int) -> Outcome:
    lines = text.content.replace("\r\n", "\n").split("\n")
    lines = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    if not lines:
        return Outcome("[the file is empty]")
    first = wanted.line - 1
    if first >= len(lines):
        return Outcome(f"{wanted.path!r} has fewer than {wanted.line} lines.", failed=True)
    last = _end_of(lines, first, min(first + wanted.limit, len(lines)), size_limit)
    taken = "".join(lines[first:last])
    remarks = [] if text.is_exact else [_INEXACT]
    if "\r\n" in text.content:
        remarks.append("line ends are CRLF")
    if last == first:
        taken = lines[first].encode("utf-8", "surrogatepass")[:size_limit].decode("utf-8", "ignore")
        remarks.append(f"line {wanted.line} is cut here: it is too long to be read")
    elif last < len(lines):
        remarks.append(
            f"lines {wanted.line} to {last} of {len(lines)}; read on with line {last + 1}"
        )
    gap = "" if taken.endswith("\n") else "\n"
    return quoted(taken + (f"{gap}[{'; '.join(remarks)}]" if remarks else ""))


def _end_of(lines: list[str], first: int, last: int, size_limit: int) -> int:
    """The index behind the last of the lines that fit together."""
    for index in range(first, last):
        size_limit -= len(lines[index].encode("utf-8", "surrogatepass"))
        if size_limit < 0:
            return index
    return last
