"""Opening, listing and closing sessions.

Owns the types of https://agentclientprotocol.com/protocol/v1/session-setup and
https://agentclientprotocol.com/protocol/v1/session-list. Paths are absolute; whether they
are is for the handler to check.
"""

from pydantic import Field

from acp_agent.protocol.wire.base import Items, Lenient, WireModel
from acp_agent.protocol.wire.mcp import McpServer
from acp_agent.protocol.wire.options import SessionConfigOption, SessionModeState


class _OpenedSession(WireModel):
    modes: Lenient[SessionModeState | None] = None
    config_options: Lenient[Items[SessionConfigOption] | None] = None


class NewSessionRequest(WireModel):
    """Asks for a new session in the directory ``cwd``."""

    cwd: str
    mcp_servers: Items[McpServer]
    additional_directories: Lenient[Items[str]] = Field(default_factory=list[str])


class NewSessionResponse(_OpenedSession):
    """The new session."""

    session_id: str


class LoadSessionRequest(WireModel):
    """Asks for a stored session, its history replayed as updates before the answer."""

    session_id: str
    cwd: str
    mcp_servers: Items[McpServer]
    additional_directories: Lenient[Items[str]] = Field(default_factory=list[str])


class LoadSessionResponse(_OpenedSession):
    """The session is open and its history has been sent."""


class ResumeSessionRequest(WireModel):
    """Asks for a stored session without its history."""

    session_id: str
    cwd: str
    mcp_servers: Lenient[Items[McpServer]] = Field(default_factory=list[McpServer])
    additional_directories: Lenient[Items[str]] = Field(default_factory=list[str])


class ResumeSessionResponse(_OpenedSession):
    """The session is open."""


class CloseSessionRequest(WireModel):
    """Asks for the end of a session's work and the release of what it holds."""

    session_id: str


class CloseSessionResponse(WireModel):
    """The session is closed."""


class DeleteSessionRequest(WireModel):
    """Asks for a stored session to be removed."""

    session_id: str


class DeleteSessionResponse(WireModel):
    """The session is gone."""


class ListSessionsRequest(WireModel):
    """Asks for a page of the stored sessions, of one directory if ``cwd`` is given."""

    cwd: str | None = None
    cursor: str | None = None


class SessionInfo(WireModel):
    """A stored session; ``updated_at`` is ISO 8601."""

    session_id: str
    cwd: str
    additional_directories: Lenient[Items[str] | None] = None
    title: Lenient[str | None] = None
    updated_at: Lenient[str | None] = None


class ListSessionsResponse(WireModel):
    """A page of sessions; ``next_cursor`` asks for the next one."""

    sessions: Items[SessionInfo]
    next_cursor: Lenient[str | None] = None
