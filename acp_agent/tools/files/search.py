"""The tool ``search``: lines of files that match a regular expression.

Owns how they are told. Does not own the search itself (``searching``).
"""

import os
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
    Place,
    Prepared,
    parameters_of,
    read_arguments,
)
from acp_agent.tools.files.paths import check_unmoved, find, shorten, show_name
from acp_agent.tools.files.quoting import quoted
from acp_agent.tools.files.searching import Found, Match, Search, find_matches
from acp_agent.tools.workspace import FileProblem, Workspace

_PATTERN_LIMIT = 1000
_WIDTH_SHOWN = 300
_BEFORE_MATCH = 100
_NOTE_SIZE = 200


class SearchArguments(Arguments):
    """The arguments of ``search``."""

    pattern: str = Field(min_length=1, description="Regular expression")
    path: str = "."
    glob: str = Field(default="", description="Only in these files, like *.py")


class SearchFiles:
    """Searches the content of files. Implements ``RunnableTool``."""

    tool = Tool("search", "Searches file contents.", parameters_of(SearchArguments))
    kind: Kind = "search"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        where = f" in {shorten(arguments, 'path', '.')}" if arguments.get("path") else ""
        return f"Search {shorten(arguments, 'pattern', 'files')}{where}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(SearchArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        if "\n" in wanted.pattern or len(wanted.pattern) > _PATTERN_LIMIT:
            return Outcome("Lines are searched one by one: give a short pattern.", failed=True)
        try:
            path = await find(workspace, wanted.path or ".")
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)

        async def run(editor: Editor) -> Outcome:
            try:
                return await _search(wanted, path, workspace)
            except FileProblem as problem:
                return Outcome(str(problem), failed=True)

        # Editors open the place of a call, which they cannot do with a folder.
        is_file = await anyio.to_thread.run_sync(os.path.isfile, path)
        places = (Place(str(path)),) if is_file else ()
        return Prepared(Action("read", (path,)), run, places=places)


async def _search(wanted: SearchArguments, path: Path, workspace: Workspace) -> Outcome:
    is_file = await anyio.to_thread.run_sync(_check, path, wanted.path)
    folder = path.parent if is_file else path
    file = path.name if is_file else ""
    search = Search(wanted.pattern, folder, file, wanted.glob, workspace.roots, workspace.private)
    found = await find_matches(search)
    if found.problem:
        return Outcome(
            f"The pattern is no regular expression: {found.problem}. Put a backslash before "
            "characters that are meant as they are.",
            failed=True,
        )
    lines = _tell(found, folder, workspace)
    return quoted("\n".join(lines)) if lines else Outcome("No matches.")


def _check(path: Path, name: str) -> bool:
    """Whether ``path`` is a file; a problem where it is neither file nor folder."""
    check_unmoved(path)
    try:
        if path.is_file() or path.is_dir():
            return path.is_file()
    except (OSError, ValueError):
        pass
    raise FileProblem(f"There is no file or folder {name!r}.")


def _tell(found: Found, folder: Path, workspace: Workspace) -> list[str]:
    lines: list[str] = []
    room = workspace.result_limit - _NOTE_SIZE
    cut = found.cut
    for match in found.matches:
        line = _line(match, workspace.name(folder / match.path))
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            cut = f"these are the first {len(lines)} matches"
            break
        lines.append(line)
    if cut:
        lines.append(f"[there may be more: {cut}; narrow the pattern, path or glob]")
    return lines


def _line(match: Match, name: str) -> str:
    start = max(0, match.start - _BEFORE_MATCH) if len(match.text) > _WIDTH_SHOWN else 0
    text = match.text[start : start + _WIDTH_SHOWN]
    before = "…" if start else ""
    behind = "…" if start + _WIDTH_SHOWN < len(match.text) else ""
    return f"{show_name(name)}:{match.line}:{before}{text}{behind}"
