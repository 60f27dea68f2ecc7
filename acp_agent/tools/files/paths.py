"""A call's paths: where they lead, and whether they still lead there.

Owns what every tool on files checks of a path. Does not own which paths are allowed
(``acp_agent.permissions``), nor how a path is read (``Workspace.find``).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio.to_thread

from acp_agent.tools.commands.terminal_text import in_line
from acp_agent.tools.workspace import FileProblem, Workspace

_TITLE_LIMIT = 120


def shorten(arguments: Mapping[str, Any], name: str, otherwise: str) -> str:
    """The argument ``name`` in one line of a title; ``otherwise`` where there is none."""
    return in_line(" ".join(str(arguments.get(name) or otherwise).split()), _TITLE_LIMIT)


def show_name(name: str) -> str:
    """``name`` in one line, with escapes for what cannot be printed."""
    if name.isprintable():
        return name
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)


async def find(workspace: Workspace, path: str) -> Path:
    """``path`` with all links followed; no file behind it is read.

    Raises:
        FileProblem: it is no path, or the agent's own.
    """
    return await anyio.to_thread.run_sync(_find, workspace, path)


async def find_entry(workspace: Workspace, path: str) -> Path:
    """``path`` itself, be it a link, in a folder with all links followed.

    Raises:
        FileProblem: it is no path, the agent's own, or one that holds a folder of the session.
    """
    return await anyio.to_thread.run_sync(_find_entry, workspace, path)


def check_unmoved(path: Path) -> None:
    """Checks that ``path``, once resolved, has no link in it now.

    Raises:
        FileProblem: it leads elsewhere.
    """
    try:
        same = path.resolve() == path
    except (OSError, RuntimeError):
        same = False
    if not same:
        raise FileProblem(f"{path.name!r} leads elsewhere now: links changed. Nothing was done.")


def check_open(path: Path, workspace: Workspace) -> None:
    """Checks that ``path`` is not the agent's own.

    Folders are compared by what they are, since a name may be written in several ways.

    Raises:
        FileProblem: it is.
    """
    own = identities(workspace.private)
    inside = any(path.is_relative_to(folder) for folder in workspace.private)
    if inside or (own and not own.isdisjoint(identities([path, *path.parents]))):
        raise FileProblem(f"{path.name!r} belongs to acp-agent itself; no tool may touch it.")


def identities(paths: Sequence[Path]) -> set[tuple[int, int]]:
    """Device and inode of those of ``paths`` that exist."""
    found: set[tuple[int, int]] = set()
    for path in paths:
        with suppress(OSError, ValueError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return found


def is_at_home(path: Path, workspace: Workspace) -> bool:
    """Whether ``path`` is in one of the session's folders."""
    return any(path.is_relative_to(root) for root in workspace.roots)


def _find(workspace: Workspace, path: str) -> Path:
    found = workspace.find(path)
    if "\0" in path or not _is_unicode(str(found)):
        raise FileProblem(f"{path!r} is not a path.")
    check_open(found, workspace)
    return found


def _find_entry(workspace: Workspace, path: str) -> Path:
    if "\0" in path or not _is_unicode(path):
        raise FileProblem(f"{path!r} is not a path.")
    stripped = path.rstrip("/" + os.sep)
    name = os.path.basename(stripped)
    if name in ("", ".", ".."):
        raise FileProblem(f"{path!r} has no name of its own; give the path by its names.")
    folder = workspace.find(stripped[: -len(name)] or ".")
    entry = folder / name
    is_link = os.path.islink(entry)
    check_open(folder if is_link else entry, workspace)
    if not is_link and _holds(entry, (*workspace.roots, *workspace.private)):
        raise FileProblem(f"{path!r} holds a folder of this session; it stays where it is.")
    return entry


def _holds(folder: Path, kept: Sequence[Path]) -> bool:
    if any(each.is_relative_to(folder) for each in kept):
        return True
    above = identities([above for each in kept for above in (each, *each.parents)])
    return not above.isdisjoint(identities([folder]))


def _is_unicode(text: str) -> bool:
    """Whether ``text`` can be sent to an editor."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def check_folder(folder: Path, name: str) -> None:
    """Checks that the resolved ``folder`` is one that can be listed; ``name`` is the model's.

    Raises:
        FileProblem: it is not.
    """
    check_unmoved(folder)
    try:
        with os.scandir(folder):
            return
    except NotADirectoryError as error:
        raise FileProblem(f"{name!r} is a file, not a folder.") from error
    except FileNotFoundError as error:
        raise FileProblem(f"There is no folder {name!r}.") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "it is no path"
        raise FileProblem(f"{name!r} cannot be read: {reason}.") from error


def is_folder(path: Path) -> bool:
    """Whether ``path`` itself is a folder, not a link to one."""
    return path.is_dir() and not path.is_symlink()
