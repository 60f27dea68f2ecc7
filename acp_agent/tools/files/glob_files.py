"""The tool ``glob``: the files whose paths match a pattern.

Owns how they are told. Does not own patterns (``globs``), nor going through folders (``walk``).
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
from acp_agent.tools.files.globs import compile_glob
from acp_agent.tools.files.paths import check_folder, find, shorten, show_name
from acp_agent.tools.files.quoting import quoted
from acp_agent.tools.files.walk import Walk
from acp_agent.tools.workspace import FileProblem, Workspace

FILES_SHOWN = 300
_NOTE_SIZE = 200


class GlobArguments(Arguments):
    """The arguments of ``glob``."""

    pattern: str = Field(min_length=1, description="Like src/**/*.py")
    path: str = "."


class Glob:
    """Finds files by name. Implements ``RunnableTool``."""

    tool = Tool("glob", "Finds files by name.", parameters_of(GlobArguments))
    kind: Kind = "search"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        where = f" in {shorten(arguments, 'path', '.')}" if arguments.get("path") else ""
        return f"Find {shorten(arguments, 'pattern', 'files')}{where}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(GlobArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            folder = await find(workspace, wanted.path or ".")
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)

        async def run(editor: Editor) -> Outcome:
            work = anyio.to_thread.run_sync
            return await work(_find_files, wanted, folder, workspace, abandon_on_cancel=True)

        return Prepared(Action("read", (folder,)), run)


def _find_files(wanted: GlobArguments, folder: Path, workspace: Workspace) -> Outcome:
    try:
        check_folder(folder, wanted.path)
        is_wanted = compile_glob(wanted.pattern)
    except FileProblem as problem:
        return Outcome(str(problem), failed=True)
    walk = Walk(folder, workspace.roots, workspace.private)
    names: list[str] = []
    room = workspace.result_limit - _NOTE_SIZE
    is_cut = False
    for entry in walk:
        if entry.kind == "folder" or not is_wanted(entry.path.relative_to(folder).as_posix()):
            continue
        name = show_name(workspace.name(entry.path))
        room -= len(name.encode()) + 1
        if is_cut := len(names) == FILES_SHOWN or room < 0:
            break
        names.append(name)
    if is_cut or walk.is_cut:
        names.append("[there is more: narrow the pattern or the path]")
    return quoted("\n".join(names)) if names else Outcome("No files match.")
