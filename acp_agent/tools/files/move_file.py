"""The tool ``move_file``: a file, link or folder gets another path.

Owns that nothing is overwritten. Does not own which paths are allowed
(``acp_agent.permissions``).
"""

import errno
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
from acp_agent.tools.files.local_files import make_folder
from acp_agent.tools.files.paths import check_unmoved, find_entry, is_at_home, shorten, show_name
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import FileProblem, Workspace


class MoveFileArguments(Arguments):
    """The arguments of ``move_file``."""

    source: str
    destination: str


class MoveFile:
    """Moves and renames files. Implements ``RunnableTool``."""

    tool = Tool("move_file", "Moves a file or folder.", parameters_of(MoveFileArguments))
    kind: Kind = "move"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        source = shorten(arguments, "source", "a file")
        return f"Move {source} to {shorten(arguments, 'destination', 'another path')}"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        wanted = read_arguments(MoveFileArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        try:
            source = await find_entry(workspace, wanted.source)
            destination = await find_entry(workspace, wanted.destination)
            # Of others not even their existence is told before the user has allowed it.
            if is_at_home(source, workspace) and is_at_home(destination, workspace):
                await anyio.to_thread.run_sync(_check, wanted, source, destination)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)

        async def run(editor: Editor) -> Outcome:
            try:
                await anyio.to_thread.run_sync(_move, wanted, source, destination)
            except FileProblem as problem:
                return Outcome(str(problem), failed=True)
            return Outcome(f"Moved {wanted.source!r} to {wanted.destination!r}.")

        places = (Place(str(source)), Place(str(destination)))
        old, new = (code_block(show_name(str(path))) for path in (source, destination))
        shown = (ShownText(f"Moves\n{old}\nto\n{new}"),)
        return Prepared(Action("edit", (source, destination)), run, places=places, shown=shown)


def _check(wanted: MoveFileArguments, source: Path, destination: Path) -> None:
    if not exists(source):
        raise FileProblem(f"There is no file {wanted.source!r}.")
    if exists(destination) and not _is_same(source, destination):
        raise FileProblem(f"{wanted.destination!r} exists already; give a path that is free.")
    if source == destination or source in destination.parents:
        raise FileProblem(f"{wanted.source!r} cannot be moved to itself or into itself.")


def _is_same(source: Path, destination: Path) -> bool:
    """Whether both are one file, as where only the case of its name is to change."""
    if source.parent != destination.parent or source.name.lower() != destination.name.lower():
        return False
    return os.path.samestat(source.lstat(), destination.lstat())


def _move(wanted: MoveFileArguments, source: Path, destination: Path) -> None:
    try:
        check_unmoved(source.parent)
        make_folder(destination.parent)
        check_unmoved(destination.parent)
        _check(wanted, source, destination)
        os.rename(source, destination)
    except OSError as error:
        if error.errno == errno.EXDEV:
            reason = "the two are on different disks; use run_command with mv"
        else:
            reason = error.strerror
        raise FileProblem(f"{wanted.source!r} cannot be moved: {reason}.") from error
