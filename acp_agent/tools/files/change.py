"""Changing a file: read again, shown as a diff, written if it is still the same.

Owns what the tools that write have in common. Does not own what they write.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Editor, Outcome, Place, Prepared
from acp_agent.tools.files.matching import unify
from acp_agent.tools.files.paths import check_unmoved, is_at_home
from acp_agent.tools.shown import ShownDiff
from acp_agent.tools.workspace import FileProblem, FileText, Workspace


@dataclass(slots=True, frozen=True)
class Change:
    """What becomes of the file at ``path``; ``old`` is None for a new one.

    ``told`` is what the model is told when it is done. ``knows_all`` says that the model
    knows the whole new content.
    """

    path: Path
    old: FileText | None
    content: str
    told: str
    knows_all: bool

    @property
    def diff(self) -> ShownDiff:
        """The change as the user sees it."""
        return ShownDiff(str(self.path), self.old.content if self.old else None, self.content)


async def read_current(workspace: Workspace, path: Path) -> FileText | None:
    """The file as it is now, None where there is none.

    Raises:
        FileProblem: it cannot be read.
    """
    try:
        return await workspace.files.read(path)
    except FileProblem:
        if await anyio.to_thread.run_sync(exists, path):
            raise
    return None


def check_current(workspace: Workspace, path: Path, text: FileText) -> None:
    """Checks that the model's knowledge of the file is not out of date.

    Raises:
        FileProblem: the file has changed since.
    """
    if workspace.has_seen(path) and not workspace.is_current(path, text.content):
        raise FileProblem(
            f"{workspace.name(path)!r} has changed since you last read it, so it was not "
            "changed. Read it again first."
        )


def prepare_change(change: Change, workspace: Workspace) -> Prepared:
    """The call that makes ``change``."""

    async def run(editor: Editor) -> Outcome:
        try:
            await _write(change, workspace)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)
        if change.knows_all:
            workspace.note_seen(change.path, change.content)
        return Outcome(change.told, shown=(change.diff,))

    return Prepared(
        Action("edit", (change.path,)),
        run,
        places=(Place(str(change.path), first_changed_line(change)),),
        shown=(change.diff,),
    )


def first_changed_line(change: Change) -> int:
    """The first line, from 1, that is not as before."""
    old = unify(change.old.content if change.old else "").split("\n")
    new = unify(change.content).split("\n")
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before != after:
            return index + 1
    return min(len(old), len(new))


async def _write(change: Change, workspace: Workspace) -> None:
    path = change.path
    await anyio.to_thread.run_sync(check_unmoved, path)
    now = await read_current(workspace, path)
    is_known = is_at_home(path, workspace) or workspace.has_seen(path)
    if now is not None and change.old is None and not is_known:
        raise unread(workspace.name(path))
    if now != change.old:
        raise FileProblem(
            f"{workspace.name(path)!r} has changed since this change was prepared, so it was "
            "not made. Read the file again first."
        )
    text = FileText(change.content) if now is None else replace(now, content=change.content)
    await workspace.files.write(path, text)


def unread(name: str) -> FileProblem:
    """Tells the model that it would overwrite what it does not know."""
    return FileProblem(f"{name!r} exists, and you have not read it: read it first.")


def exists(path: Path) -> bool:
    """Whether there is anything at ``path``, be it readable or not."""
    try:
        path.lstat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
