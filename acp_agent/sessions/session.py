"""A session: what the user has open in one editor window.

Owns the choices (mode, model, thought level) and the conversation. Does not own turns,
backends, or keeping a session beyond the process.
"""

from dataclasses import dataclass, field
from typing import Literal

import anyio

from acp_agent.conversation import Conversation, PlanStep
from acp_agent.errors import ResourceNotFound
from acp_agent.sessions.context import ModelContext, Surroundings
from acp_agent.tools.actions import Grant, PermissionMode
from acp_agent.tools.base import Toolbox
from acp_agent.tools.workspace import Workspace

Delegation = Literal["eager", "balanced", "frugal"]
"""How readily mode ``auto`` delegates."""


@dataclass(slots=True, eq=False)
class Consent:
    """What the user allows: ``permissions`` and ``grants`` (oldest first) say what is asked,
    one question at a time (``asking``). A delegation shares it with its session."""

    permissions: PermissionMode = "ask"
    grants: list[Grant] = field(default_factory=list[Grant])
    asking: anyio.Lock = field(default_factory=anyio.Lock)


@dataclass(slots=True, eq=False)
class Session:
    """One session. ``models``, ``thought_levels`` and ``options`` (values by id) hold the
    user's choice per mode.

    ``contexts`` is what each model is told, by mode, model and how it is offered tools;
    ``surroundings`` is what the session found around it, None until a model is told of it.
    ``greeting`` is told once, before the first answer. ``control`` serves requests that
    change the session in their order of arrival. ``toolbox`` is what models with tools are
    offered; the tools work in ``workspace`` as far as ``consent`` goes. ``plan`` is the
    model's, as it was last shown. ``delegation`` says how readily mode ``auto`` delegates;
    ``disagreement`` is the share of the last panel that voted against its answer, None
    where none was asked.
    """

    id: str
    cwd: str
    mode: str
    conversation: Conversation = field(default_factory=Conversation)
    models: dict[str, str] = field(default_factory=dict[str, str])
    thought_levels: dict[str, str] = field(default_factory=dict[str, str])
    contexts: dict[tuple[str, str, str], ModelContext] = field(
        default_factory=dict[tuple[str, str, str], ModelContext]
    )
    surroundings: Surroundings | None = None
    greeting: str | None = None
    control: anyio.Lock = field(default_factory=anyio.Lock)
    toolbox: Toolbox = field(default_factory=Toolbox)
    workspace: Workspace | None = None
    consent: Consent = field(default_factory=Consent)
    plan: tuple[PlanStep, ...] = ()
    delegation: Delegation = "balanced"
    options: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    disagreement: float | None = None

    @property
    def permissions(self) -> PermissionMode:
        """What tools may do without asking."""
        return self.consent.permissions

    @permissions.setter
    def permissions(self, mode: PermissionMode) -> None:
        self.consent.permissions = mode

    @property
    def grants(self) -> list[Grant]:
        """The answers that hold for the rest of the session."""
        return self.consent.grants


class SessionTable:
    """The open sessions of this process, by id."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Opens ``session``."""
        self._sessions[session.id] = session

    def get(self, session_id: str) -> Session:
        """The open session ``session_id``.

        Raises:
            ResourceNotFound: there is none.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise ResourceNotFound(
                f"There is no open session {session_id!r}: start one with session/new."
            )
        return session

    def remove(self, session_id: str) -> None:
        """Forgets the session ``session_id``; unknown ones are fine."""
        self._sessions.pop(session_id, None)
