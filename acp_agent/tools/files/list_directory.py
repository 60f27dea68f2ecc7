"""The tool ``list_directory``: what is in a folder, as a tree.

Owns how it is told. Does not own going through folders (``walk``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread
from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import (
    Arguments,
    Editor,
    Kind,
    Outcome,
    Prepared,
    parameters_of,
    read_arguments,
)
from acp_agent.tools.files.paths import check_folder, find, shorten, show_name
from acp_agent.tools.files.quoting import quoted
from acp_agent.tools.files.walk import Entry, Walk
from acp_agent.tools.workspace import FileProblem, Workspace

ENTRIES_SHOWN = 500
_NOTE_SIZE = 200
_ENDS = {"folder": "/", "link": "@", "file": "", "other": "?"}


class ListDirectoryArguments(Arguments):
    """The arguments of ``list_directory``."""

    path: str = "."
    depth: int = Field(default=1, ge=1)


class ListDirectory:
    """Lists folders. Implements ``RunnableTool``."""

    tool = Tool("list_directory", "Lists a folder.", parameters_of(ListDirectoryArguments))
    kind: Kind = "read"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"List {shorten(arguments, 'path', '.')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(ListDirectoryArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            folder = await find(workspace, wanted.path or ".")
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)

        async def run(editor: Editor) -> Outcome:
            work = anyio.to_thread.run_sync
            return await work(_list, wanted, folder, workspace, abandon_on_cancel=True)

        return Prepared(Action("read", (folder,)), run)


def _list(wanted: ListDirectoryArguments, folder: Path, workspace: Workspace) -> Outcome:
    try:
        check_folder(folder, wanted.path)
    except FileProblem as problem:
        return Outcome(str(problem), failed=True)
    walk = Walk(folder, workspace.roots, workspace.private, wanted.depth)
    lines: list[str] = []
    room = workspace.result_limit - _NOTE_SIZE
    is_cut = False
    for entry in walk:
        line = _line(entry)
        room -= len(line.encode()) + 1
        if is_cut := len(lines) == ENTRIES_SHOWN or room < 0:
            break
        lines.append(line)
    if is_cut or walk.is_cut:
        lines.append("[there is more: list a folder in it, or less deep]")
    if walk.ignored:
        lines.append(f"[not shown: {walk.ignored} that .gitignore names]")
    return quoted("\n".join(lines)) if lines else Outcome("[the folder is empty]")


def _line(entry: Entry) -> str:
    return "  " * (entry.depth - 1) + show_name(entry.path.name) + _ENDS[entry.kind]
