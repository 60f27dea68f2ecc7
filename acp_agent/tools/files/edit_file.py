"""The tool ``edit_file``: replaces a piece of text in a file.

Owns the rules: exact, and found once unless all are meant. Does not own writing (``change``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread
from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.base import Arguments, Kind, Outcome, Prepared, parameters_of, read_arguments
from acp_agent.tools.files.change import Change, check_current, prepare_change, read_current
from acp_agent.tools.files.closest import find_closest
from acp_agent.tools.files.matching import find_lines, replace, unify
from acp_agent.tools.files.paths import find, is_at_home, shorten
from acp_agent.tools.workspace import FileProblem, FileText, Workspace

_LINES_SHOWN = 40
_WIDTH_SHOWN = 300
_PLACES_NAMED = 20


class EditFileArguments(Arguments):
    """The arguments of ``edit_file``."""

    path: str
    old_text: str = Field(min_length=1, description="Exact text, found once")
    new_text: str
    replace_all: bool = False


class EditFile:
    """Replaces text in files. Implements ``RunnableTool``."""

    tool = Tool("edit_file", "Replaces text in a file.", parameters_of(EditFileArguments))
    kind: Kind = "edit"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"Edit {shorten(arguments, 'path', 'a file')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(EditFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            path = await find(workspace, wanted.path)
            text = await _read(workspace, path, wanted.path)
            change = await anyio.to_thread.run_sync(_plan, wanted, path, text, workspace)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)
        return prepare_change(change, workspace)


async def _read(workspace: Workspace, path: Path, name: str) -> FileText:
    # Nothing is told of a file elsewhere that the user has not let the model read.
    if not is_at_home(path, workspace) and not workspace.has_seen(path):
        raise FileProblem(f"{name!r} is outside the session's folders: read it first.")
    text = await read_current(workspace, path)
    if text is None:
        raise FileProblem(f"There is no file {name!r}; write_file makes one.")
    if not text.is_exact:
        raise FileProblem(f"{name!r} has bytes that are no text; it was not changed.")
    check_current(workspace, path, text)
    return text


def _plan(wanted: EditFileArguments, path: Path, text: FileText, workspace: Workspace) -> Change:
    if unify(wanted.old_text) == unify(wanted.new_text):
        raise FileProblem("old_text and new_text are the same; nothing was changed.")
    lines = find_lines(text.content, wanted.old_text)
    if not lines:
        raise FileProblem(_explain_miss(wanted, text.content))
    if len(lines) > 1 and not wanted.replace_all:
        raise FileProblem(
            f"old_text is found {len(lines)} times in {wanted.path!r}, at {_name_lines(lines)}. "
            "Give more of the text around the one you mean, or set replace_all."
        )
    content = replace(text.content, wanted.old_text, wanted.new_text).content
    told = f"Changed {wanted.path!r} at {_name_lines(lines)}."
    return Change(path, text, content, told, workspace.has_seen(path))


def _name_lines(lines: tuple[int, ...]) -> str:
    named = ", ".join(map(str, lines[:_PLACES_NAMED]))
    more = f" and {len(lines) - _PLACES_NAMED} more" if len(lines) > _PLACES_NAMED else ""
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}"


def _explain_miss(wanted: EditFileArguments, content: str) -> str:
    closest = find_closest(unify(content), unify(wanted.old_text))
    if closest is None:
        return f"old_text is not in {wanted.path!r}, nor anything like it. Read the file first."
    shown = "\n".join(
        f"{number}: {line[:_WIDTH_SHOWN]}"
        for number, line in enumerate(closest.lines[:_LINES_SHOWN], closest.first)
    )
    how = "; only white space differs" if closest.only_spaces else ""
    return (
        f"old_text is not in {wanted.path!r}. Closest (with line numbers{how}):\n{shown}\n"
        "Take old_text from there exactly, without the numbers."
    )
