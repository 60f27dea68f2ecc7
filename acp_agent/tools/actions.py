"""What a tool call would do, in the terms in which it is allowed or refused.

Owns ``Action``, where a session is at home, what the user has said of such actions, and the
modes of asking. Does not own the decision (``acp_agent.permissions``), nor doing it (the
tools).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ActionKind = Literal["read", "edit", "execute", "fetch", "server", "none"]
"""``edit`` is every change of files; ``server`` a tool of an MCP server; ``none`` touches
nothing (a plan, a question to the user)."""

PermissionMode = Literal["ask", "accept_edits", "read_only", "full"]
"""The values of the session's option ``permissions``."""


@dataclass(slots=True, frozen=True)
class Action:
    """What one call would do.

    ``paths`` are absolute with all links followed. ``command`` is shell text exactly as it
    will run, ``directory`` where; ``contained`` says in words what the system keeps it
    from, empty where nothing does. ``url`` is what ``fetch`` gets. ``tool`` is a server
    tool's name as models know it; ``read_only`` is what the server says of it.
    """

    kind: ActionKind
    paths: tuple[Path, ...] = ()
    command: str = ""
    directory: Path | None = None
    contained: str = ""
    url: str = ""
    tool: str = ""
    read_only: bool = False


@dataclass(slots=True, frozen=True)
class Scope:
    """Where a session is at home: its ``roots``, the agent's ``private`` folders, which no
    call may touch, and the user's ``home``. All absolute, links followed."""

    roots: tuple[Path, ...]
    private: tuple[Path, ...] = ()
    home: Path | None = None


@dataclass(slots=True, frozen=True)
class Grant:
    """An answer that holds for the rest of the session: ``allowed`` or not.

    It is about one of: a ``directory`` and all below it (or one file), commands whose
    arguments begin with ``prefix``, the one ``command`` of exactly this text (only ever
    refused), a ``host``, a server's ``tool``.
    """

    kind: ActionKind
    allowed: bool
    directory: Path | None = None
    prefix: tuple[str, ...] = ()
    host: str = ""
    tool: str = ""
    command: str = ""
