"""The tool ``write_file``: a new file, or a new content for one that the model knows.

Owns the rule that nothing unread is overwritten. Does not own writing (``change``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread

from acp_agent.conversation import Tool
from acp_agent.tools.base import Arguments, Kind, Outcome, Prepared, parameters_of, read_arguments
from acp_agent.tools.files.change import (
    Change,
    check_current,
    exists,
    first_changed_line,
    prepare_change,
    read_current,
    unread,
)
from acp_agent.tools.files.matching import take_line_ends
from acp_agent.tools.files.paths import find, is_at_home, shorten
from acp_agent.tools.workspace import FileProblem, FileText, Workspace


class WriteFileArguments(Arguments):
    """The arguments of ``write_file``."""

    path: str
    content: str


class WriteFile:
    """Writes whole files. Implements ``RunnableTool``."""

    tool = Tool("write_file", "Writes a whole file.", parameters_of(WriteFileArguments))
    kind: Kind = "edit"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"Write {shorten(arguments, 'path', 'a file')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(WriteFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            path = await find(workspace, wanted.path)
            change = await _plan(wanted, path, workspace)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)
        if change.old is not None and change.old.content == change.content:
            return Outcome(f"{wanted.path!r} has this content already; nothing was changed.")
        return prepare_change(change, workspace)


async def _plan(wanted: WriteFileArguments, path: Path, workspace: Workspace) -> Change:
    old = None
    if is_at_home(path, workspace) or workspace.has_seen(path):
        old = await _read(wanted, path, workspace)
    # Of others not even their existence is told before the user has allowed it: writing checks.
    if old is None:
        lines = len(wanted.content.splitlines())
        told = f"Wrote {wanted.path!r}, a new file of {lines} line{'' if lines == 1 else 's'}."
        return Change(path, None, wanted.content, told, knows_all=True)
    check_current(workspace, path, old)
    if not old.is_exact:
        raise FileProblem(f"{wanted.path!r} has bytes that are no text; it was not changed.")
    content = take_line_ends(wanted.content, old.content) if old.content else wanted.content
    change = Change(path, old, content, "", knows_all=True)
    told = f"Wrote {wanted.path!r}; the first change is at line {first_changed_line(change)}."
    return Change(path, old, content, told, knows_all=True)


async def _read(wanted: WriteFileArguments, path: Path, workspace: Workspace) -> FileText | None:
    if not workspace.has_seen(path) and await anyio.to_thread.run_sync(exists, path):
        raise unread(wanted.path)
    old = await read_current(workspace, path)
    if old is not None and not workspace.has_seen(path):  # an editor's unsaved file
        raise unread(wanted.path)
    return old
