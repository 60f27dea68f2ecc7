"""Whether a call may be made: freely, after the user was asked, or not at all; pure.

Owns the decision. Does not own asking (``turn/calls``), the answers that are offered
(``answers``), what a call would do (``tools/actions``), nor what is known of
commands and of paths (``known_commands``, ``command_reach``, ``guarded_paths``).
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from acp_agent.permissions import guarded_paths
from acp_agent.permissions.answers import (
    Option,
    OptionKind,
    command_options,
    covers,
    describe_grants,
    file_options,
    named_options,
)
from acp_agent.permissions.command_line import explain_unreadable, loose_words, read_words
from acp_agent.permissions.command_reach import (
    find_outside,
    is_below,
    may_write_outside,
    names_private,
    only_reads,
)
from acp_agent.permissions.known_commands import find_prefix, names_privilege
from acp_agent.tools.actions import Action, Grant, PermissionMode, Scope
from acp_agent.tools.commands.terminal_text import in_line

__all__ = [
    "Allowed",
    "Decision",
    "Denied",
    "Option",
    "OptionKind",
    "Question",
    "Scope",
    "decide",
    "describe_grants",
]

PRIVATE = "That belongs to the agent itself, and no tool may read or change it. Leave it alone."
READ_ONLY = (
    "The session is read-only, so nothing but reading is possible. Say what you would do; the "
    "user can change the permissions."
)
REJECTED = "The user has refused this for the rest of the session. Go on without it."
_VCS = "{} belongs to version control, so no tool changes it. Run the version control's command."
_START_UP = "{} runs when a shell starts or somebody logs in, so no tool changes it. Ask the user."
_EACH_TIME = "so it is asked about each time."
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(slots=True, frozen=True)
class Allowed:
    """The call is made without a question."""


@dataclass(slots=True, frozen=True)
class Denied:
    """The call is not made; ``reason`` is a sentence for the model and the user."""

    reason: str


@dataclass(slots=True, frozen=True)
class Question:
    """The user is asked; ``reason`` says why, empty where the call says it all."""

    options: tuple[Option, ...]
    reason: str = ""


Decision = Allowed | Denied | Question


def decide(action: Action, scope: Scope, mode: PermissionMode, grants: Sequence[Grant]) -> Decision:
    """What is to be done with ``action``; later ``grants`` come before earlier ones."""
    newest = tuple(reversed(grants))
    match action.kind:
        case "none":
            return Allowed()
        case "read" | "edit" as kind:
            paths = [Path(os.path.normpath(path)) for path in action.paths]
            if kind == "read":
                return _decide_read(paths, scope, newest)
            return _decide_edit(paths, scope, mode, newest)
        case "execute":
            return _decide_command(action, scope, mode, newest)
        case _:
            return _decide_named(action, mode, newest)


def _decide_read(paths: Sequence[Path], scope: Scope, newest: Sequence[Grant]) -> Decision:
    if any(is_below(path, private) for path in paths for private in scope.private):
        return Denied(PRIVATE)
    answers = [_answer_to_read(path, newest) for path in paths]
    if False in answers:
        return Denied(REJECTED)
    outside = [
        path
        for path, answer in zip(paths, answers, strict=True)
        if not (answer or _is_inside(path, scope))
    ]
    if not outside:
        return Allowed()
    options = file_options("read", outside, scope, lasting=True)
    return Question(options, f"Outside the project: {in_line(str(outside[0]))}.")


def _decide_edit(
    paths: Sequence[Path], scope: Scope, mode: PermissionMode, newest: Sequence[Grant]
) -> Decision:
    if denied := _deny_edit(paths, scope, mode):
        return denied
    answers = [_answer_to_edit(path, newest) for path in paths]
    if False in answers:
        return Denied(REJECTED)
    delicate = next((path for path in paths if _is_delicate(path, scope, mode)), None)
    outside = next((path for path in paths if not _is_inside(path, scope)), None)
    is_free = mode in ("accept_edits", "full")
    settled = [
        answer or (is_free and _is_inside(path, scope))
        for path, answer in zip(paths, answers, strict=True)
    ]
    if paths and delicate is None and all(settled):
        return Allowed()
    reasons = [f"Outside the project: {in_line(str(outside))}."] if outside is not None else []
    if delicate is not None:
        reasons.append(
            f"{in_line(delicate.name)} may decide what else runs or is kept, {_EACH_TIME}"
        )
    options = file_options("edit", paths, scope, lasting=delicate is None)
    return Question(options, " ".join(reasons))


def _deny_edit(paths: Sequence[Path], scope: Scope, mode: PermissionMode) -> Denied | None:
    for path in paths:
        # To move or delete what is around a private folder is to touch it.
        if any(is_below(path, each) or is_below(each, path) for each in scope.private):
            return Denied(PRIVATE)
        if guarded_paths.is_vcs_internal(path):
            return Denied(_VCS.format(path.name))
        if guarded_paths.is_start_up_file(path, scope.home):
            return Denied(_START_UP.format(path.name))
    return Denied(READ_ONLY) if mode == "read_only" else None


def _is_delicate(path: Path, scope: Scope, mode: PermissionMode) -> bool:
    """Whether a change is asked about each time, whatever was allowed before."""
    if path in scope.roots or guarded_paths.is_start_up_name(path):
        return True
    return mode != "full" and guarded_paths.is_editor_file(path)


def _is_inside(path: Path, scope: Scope) -> bool:
    return path.is_absolute() and any(path.is_relative_to(root) for root in scope.roots)


def _answer_to_read(path: Path, newest: Sequence[Grant]) -> bool | None:
    """What the user has said; who lets a file be changed lets it be read."""
    for grant in newest:
        is_about = grant.kind == "read" or (grant.kind == "edit" and grant.allowed)
        if is_about and covers(grant, path):
            return grant.allowed
    return None


def _answer_to_edit(path: Path, newest: Sequence[Grant]) -> bool | None:
    """What the user has said; who keeps a file from being read keeps it from being changed."""
    for grant in newest:
        is_about = grant.kind == "edit" or (grant.kind == "read" and not grant.allowed)
        if is_about and covers(grant, path):
            return grant.allowed
    return None


def _decide_command(
    action: Action, scope: Scope, mode: PermissionMode, newest: Sequence[Grant]
) -> Decision:
    directory = Path(os.path.normpath(action.directory or scope.roots[0]))
    if names_private(action.command, directory, scope.private, scope.home):
        return Denied(PRIVATE)
    if mode == "read_only":
        return Denied(READ_ONLY)
    words = read_words(action.command)
    prefix, reason = _cover(action.command, words, directory, scope)
    answer = _answer_to_command(action.command, words, newest)
    if answer is False:
        return Denied(REJECTED)
    each_time = _explain_each_time(action, directory, scope, newest)
    if each_time:
        prefix, reason = None, each_time
    elif mode == "full" or (answer and prefix is not None):
        return Allowed()
    contained = action.contained or "it can write wherever you can, and use the network"
    where = f"{'Contained' if action.contained else 'Not contained'}: {contained.rstrip('.')}."
    options = command_options(action.command, words, prefix)
    return Question(options, f"{reason} {where}".strip())


def _cover(
    command: str, words: Sequence[str] | None, directory: Path, scope: Scope
) -> tuple[tuple[str, ...] | None, str]:
    """What of ``command`` an answer may cover for good, else None and why."""
    if words is None:
        return None, f"The command {explain_unreadable(command)}, {_EACH_TIME}"
    if outside := find_outside(words, directory, scope.roots):
        return None, f"It names {in_line(outside)}, which is outside the project, {_EACH_TIME}"
    if watched := next((word for word in words if guarded_paths.is_editor_file(Path(word))), None):
        return None, f"It names {in_line(watched)}, by which other programs may run, {_EACH_TIME}"
    prefix = find_prefix(words)
    if prefix is None:
        return (
            None,
            f"With these arguments {in_line(words[0])} can do almost anything, {_EACH_TIME}",
        )
    return prefix, ""


def _answer_to_command(
    command: str, words: tuple[str, ...] | None, newest: Sequence[Grant]
) -> bool | None:
    """What the user has said of such a command; a lasting yes may still not cover it."""
    for grant in newest:
        if grant.kind != "execute":
            continue
        if grant.command:
            is_it = not grant.allowed and grant.command == command
        else:
            count = len(grant.prefix)
            is_it = bool(count and words) and (words or ())[:count] == grant.prefix
        if is_it:
            return grant.allowed
    return None


def _explain_each_time(
    action: Action, directory: Path, scope: Scope, newest: Sequence[Grant]
) -> str:
    """Why no mode and no earlier answer lets ``action`` run unasked; empty if one may."""
    words = loose_words(action.command)
    if names_privilege(words):
        return f"It asks for more rights than the agent has, {_EACH_TIME}"
    if not _is_inside(directory, scope):
        return f"It runs in {in_line(str(directory))}, which is outside the project, {_EACH_TIME}"
    guarded = guarded_paths.name_guarded(words)
    if guarded and not only_reads(action.command):
        return f"It names {in_line(guarded)}, which tools do not change, {_EACH_TIME}"
    if not action.contained and may_write_outside(action.command, directory, scope.roots):
        return f"It may write outside the project, {_EACH_TIME}"
    for grant in newest:
        if not grant.allowed and grant.prefix and _has_run(words, grant.prefix):
            return f"`{' '.join(grant.prefix)}` in it was refused before, {_EACH_TIME}"
    return ""


def _has_run(words: Sequence[str], run: Sequence[str]) -> bool:
    wanted = [word.lower() for word in run]
    count = len(wanted)
    return any(list(words[at : at + count]) == wanted for at in range(len(words) - count + 1))


def _decide_named(action: Action, mode: PermissionMode, newest: Sequence[Grant]) -> Decision:
    """A fetch, by its host, or a server's tool."""
    if mode == "read_only" and not (action.kind == "server" and action.read_only):
        return Denied(READ_ONLY)
    host = _host(action.url) if action.kind == "fetch" else ""
    for grant in newest:
        is_host = grant.kind == "fetch" and host and grant.host == host
        is_tool = grant.kind == action.kind == "server" and grant.tool == action.tool != ""
        if (action.kind == "fetch" and is_host) or is_tool:
            return Allowed() if grant.allowed else Denied(REJECTED)
    if mode == "full":
        return Allowed()
    if action.kind == "server":
        allowed, refused = (Grant("server", each, tool=action.tool) for each in (True, False))
        return Question(named_options(allowed, refused, f"the tool {action.tool}"))
    if not host:
        return Question(named_options(None, None, ""))
    allowed, refused = (Grant("fetch", each, host=host) for each in (True, False))
    return Question(named_options(allowed, refused, f"fetching from {host}"))


def _host(url: str) -> str:
    """The host that ``url`` names plainly, in lower case; empty where it does not."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        is_plain = parts.scheme in ("http", "https") and not parts.username and not parts.password
    except ValueError:
        return ""
    return host if is_plain and _HOST.fullmatch(host) else ""
