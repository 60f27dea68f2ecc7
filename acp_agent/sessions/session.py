"""A session: what the user has open in one editor window.

Owns the choices (mode, model, thought level) and the conversation. Does not own turns,
backends, or keeping a session beyond the process.
"""

from dataclasses import dataclass, field

import anyio

from acp_agent.conversation import Conversation
from acp_agent.errors import ResourceNotFound


@dataclass(slots=True, eq=False)
class Session:
    """One session. ``models`` and ``thought_levels`` hold the user's choice per mode.

    ``told_from`` is, by mode and model, the first message that the model is still told.
    ``greeting`` is told once, before the first answer. ``control`` serves requests that
    change the session in their order of arrival.
    """

    id: str
    cwd: str
    mode: str
    conversation: Conversation = field(default_factory=Conversation)
    models: dict[str, str] = field(default_factory=dict[str, str])
    thought_levels: dict[str, str] = field(default_factory=dict[str, str])
    told_from: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    greeting: str | None = None
    control: anyio.Lock = field(default_factory=anyio.Lock)


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
