"""What the user may answer when asked about a call; pure.

Owns the options, with their words and with what they mean for later calls, and listing
answers given. Does not own
when to ask (``acp_agent.permissions``).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acp_agent.permissions.command_reach import is_below
from acp_agent.tools.actions import Grant, Scope
from acp_agent.tools.commands.terminal_text import in_line

OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]

_LEAST_PARTS = 3
"""Folders with fewer parts, such as ``/etc``, are too wide for a lasting answer."""


@dataclass(slots=True, frozen=True)
class Option:
    """An answer that the user may give; ``grant`` is what it means for later calls."""

    id: str
    name: str
    kind: OptionKind
    grant: Grant | None = None

    @property
    def allows(self) -> bool:
        """Whether the call is made."""
        return self.kind in ("allow_once", "allow_always")


def file_options(
    kind: Literal["read", "edit"], paths: Sequence[Path], scope: Scope, *, lasting: bool
) -> tuple[Option, ...]:
    """For a call about files; ``lasting`` where one may be allowed for good.

    Two lasting ones at most: the files' folder, or a file alone whose folder is too wide;
    and the project.
    """
    verb = "reading" if kind == "read" else "edits"
    always = [
        Option(
            f"allow_always_{what}",
            f"Allow {verb} in {_place_name(place, scope)} for this session",
            "allow_always",
            Grant(kind, True, directory=place),
        )
        for what, place in (_places(paths, scope) if lasting else ())
    ]
    refused = Grant(kind, False, directory=paths[0]) if paths else None
    name = f"Refuse {verb} of {in_line(paths[0].name, 80)} for this session" if paths else ""
    return _around(always, refused, name)


def command_options(
    command: str, words: Sequence[str] | None, prefix: Sequence[str] | None
) -> tuple[Option, ...]:
    """For ``command``; ``words`` where it is plain, ``prefix`` what may be allowed for good."""
    always: list[Option] = []
    if prefix:
        grant = Grant("execute", True, prefix=tuple(prefix))
        name = f"Allow commands that begin with `{' '.join(prefix)}` for this session"
        always.append(Option("allow_always", name, "allow_always", grant))
    if prefix or words:
        refused = Grant("execute", False, prefix=tuple(prefix or words or ()))
        begins = in_line(" ".join(refused.prefix), 80)
        return _around(always, refused, f"Refuse commands that begin with `{begins}`")
    refused = Grant("execute", False, command=command) if command else None
    return _around(always, refused, "Refuse exactly this command for this session")


def named_options(allowed: Grant | None, refused: Grant | None, what: str) -> tuple[Option, ...]:
    """For a host or a tool, called ``what``; None where no answer can last."""
    name = f"Allow {what} for this session"
    always = [Option("allow_always", name, "allow_always", allowed)] if allowed else []
    return _around(always, refused, f"Refuse {what} for this session")


def covers(grant: Grant, path: Path) -> bool:
    """Whether ``grant`` is about the file or folder ``path``.

    A yes is for exactly what it names; a no also in other letters, and for what holds it.
    """
    if grant.directory is None:
        return False
    if grant.allowed:
        return path.is_relative_to(grant.directory)
    is_around = grant.kind == "edit" and is_below(grant.directory, path)
    return is_around or is_below(path, grant.directory)


def describe_grants(grants: Iterable[Grant]) -> list[str]:
    """Each of ``grants`` in a line for the user."""
    return [_describe(grant) for grant in grants]


def _describe(grant: Grant) -> str:
    if grant.directory is not None:
        verb = "reading" if grant.kind == "read" else "edits"
        what = f"{verb} in {in_line(str(grant.directory))}"
    elif grant.prefix:
        what = f"commands that begin with `{' '.join(grant.prefix)}`"
    elif grant.command:
        what = f"the command `{in_line(grant.command)}`"
    else:
        what = f"fetching from {grant.host}" if grant.host else f"the tool {grant.tool}"
    return f"{'allowed' if grant.allowed else 'refused'}: {what}"


def _around(always: Sequence[Option], refused: Grant | None, name: str) -> tuple[Option, ...]:
    options = [Option("allow_once", "Allow once", "allow_once"), *always]
    options.append(Option("reject_once", "Reject", "reject_once"))
    if refused is not None:
        options.append(Option("reject_always", name, "reject_always", refused))
    return tuple(options)


def _places(paths: Sequence[Path], scope: Scope) -> list[tuple[str, Path]]:
    """What a lasting answer may cover, the narrowest first, with a short word for it."""
    if not paths:
        return []
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    root = next((root for root in scope.roots if _are_below(paths, root)), None)
    if root is not None:
        narrow = [("folder", folder)] if folder != root and folder.is_relative_to(root) else []
        return [*narrow, ("project", root)]
    if not _is_wide(folder, scope):
        return [("folder", folder)]
    return [("file", paths[0])] if len(set(paths)) == 1 else []


def _are_below(paths: Sequence[Path], root: Path) -> bool:
    return all(path.is_relative_to(root) for path in paths)


def _is_wide(folder: Path, scope: Scope) -> bool:
    """Whether ``folder`` holds the user's home, a root, or what is the agent's own."""
    held = [*scope.roots, *scope.private, *([scope.home] if scope.home else [])]
    return len(folder.parts) < _LEAST_PARTS or any(is_below(each, folder) for each in held)


def _place_name(place: Path, scope: Scope) -> str:
    for root in scope.roots:
        if place == root:
            return f"the whole project {in_line(root.name)}" if root.name else str(root)
        if place.is_relative_to(root):
            return f"{in_line(place.relative_to(root).as_posix())}/"
    return in_line(str(place))
