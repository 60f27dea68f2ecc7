"""The tool ``delete_file``: a file, a link or an empty folder.

Owns what is deleted: never what is in a folder, never what a link leads to. Does not own
which paths are allowed (``acp_agent.permissions``).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread

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
from acp_agent.tools.commands.terminal_text import code_block
from acp_agent.tools.files.change import exists
from acp_agent.tools.files.paths import (
    check_unmoved,
    find_entry,
    is_at_home,
    is_folder,
    shorten,
    show_name,
)
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import FileProblem, Workspace


class DeleteFileArguments(Arguments):
    """The arguments of ``delete_file``."""

    path: str


class DeleteFile:
    """Deletes files. Implements ``RunnableTool``."""

    tool = Tool(
        "delete_file", "Deletes a file or an empty folder.", parameters_of(DeleteFileArguments)
    )
    kind: Kind = "delete"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return f"Delete {shorten(arguments, 'path', 'a file')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(DeleteFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            path = await find_entry(workspace, wanted.path)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)
        # Of others not even their existence is told before the user has allowed it.
        if is_at_home(path, workspace) and not await anyio.to_thread.run_sync(exists, path):
            return Outcome(f"There is no file {wanted.path!r}.", failed=True)

        async def run(editor: Editor) -> Outcome:
            try:
                await anyio.to_thread.run_sync(_delete, path, wanted.path)
            except FileProblem as problem:
                return Outcome(str(problem), failed=True)
            return Outcome(f"Deleted {wanted.path!r}.")

        shown = ShownText(f"Deletes\n{code_block(show_name(str(path)))}")
        return Prepared(Action("edit", (path,)), run, places=(Place(str(path)),), shown=(shown,))


def _delete(path: Path, name: str) -> None:
    check_unmoved(path.parent)
    try:
        if not is_folder(path):
            path.unlink()
        elif os.listdir(path):
            raise FileProblem(f"{name!r} is not empty: delete what is in it first.")
        else:
            path.rmdir()
    except OSError as error:
        raise FileProblem(f"{name!r} cannot be deleted: {error.strerror}.") from error
