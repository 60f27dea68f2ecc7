"""``initialize``: versions, capabilities and authentication methods.

Owns the types of https://agentclientprotocol.com/protocol/v1/initialization. Does not
own negotiation. On the path of the first answer: imports nothing beyond ``base``.

The many empty models are capabilities whose presence alone says yes.
"""

from typing import Annotated, Literal

from pydantic import Field

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, WireModel


class Implementation(WireModel):
    """Name and version of a client or agent; ``title`` is the name for people."""

    name: str
    version: str
    title: Lenient[str | None] = None


class FileSystemCapabilities(WireModel):
    """Which of the ``fs/`` methods the client has."""

    read_text_file: Lenient[bool] = False
    write_text_file: Lenient[bool] = False


class BooleanConfigOptionCapabilities(WireModel):
    """The client can show a boolean option."""


class SessionConfigOptionsCapabilities(WireModel):
    """Which kinds of session options the client can show, beyond ``select``."""

    boolean: Lenient[BooleanConfigOptionCapabilities | None] = None


class ClientSessionCapabilities(WireModel):
    """What the client can do with sessions."""

    config_options: Lenient[SessionConfigOptionsCapabilities | None] = None


class AuthCapabilities(WireModel):
    """Whether the client can run an agent's login in a terminal."""

    terminal: Lenient[bool] = False


class ElicitationFormCapabilities(WireModel):
    """The client can show a form."""


class ElicitationUrlCapabilities(WireModel):
    """The client can open an address."""


class ElicitationCapabilities(WireModel):
    """Which kinds of elicitation the client can show."""

    form: Lenient[ElicitationFormCapabilities | None] = None
    url: Lenient[ElicitationUrlCapabilities | None] = None


class ClientCapabilities(WireModel):
    """What the client offers; what is absent must not be used."""

    fs: Lenient[FileSystemCapabilities] = Field(default_factory=FileSystemCapabilities)
    terminal: Lenient[bool] = False
    session: Lenient[ClientSessionCapabilities | None] = None
    auth: Lenient[AuthCapabilities] = Field(default_factory=AuthCapabilities)
    elicitation: Lenient[ElicitationCapabilities | None] = None


class InitializeRequest(WireModel):
    """The first request; ``protocol_version`` is the latest the client speaks."""

    protocol_version: int
    client_capabilities: Lenient[ClientCapabilities] = Field(default_factory=ClientCapabilities)
    client_info: Lenient[Implementation | None] = None


class PromptCapabilities(WireModel):
    """Which content a prompt may hold beyond text and resource links."""

    image: Lenient[bool] = False
    audio: Lenient[bool] = False
    embedded_context: Lenient[bool] = False


class McpCapabilities(WireModel):
    """Over what the agent reaches MCP servers, beyond stdio."""

    http: Lenient[bool] = False
    sse: Lenient[bool] = False


class SessionListCapabilities(WireModel):
    """The agent has ``session/list``."""


class SessionDeleteCapabilities(WireModel):
    """The agent has ``session/delete``."""


class SessionAdditionalDirectoriesCapabilities(WireModel):
    """The agent reads ``additionalDirectories``."""


class SessionResumeCapabilities(WireModel):
    """The agent has ``session/resume``."""


class SessionCloseCapabilities(WireModel):
    """The agent has ``session/close``."""


class SessionCapabilities(WireModel):
    """What the agent can do with sessions."""

    list: Lenient[SessionListCapabilities | None] = None
    delete: Lenient[SessionDeleteCapabilities | None] = None
    additional_directories: Lenient[SessionAdditionalDirectoriesCapabilities | None] = None
    resume: Lenient[SessionResumeCapabilities | None] = None
    close: Lenient[SessionCloseCapabilities | None] = None


class LogoutCapabilities(WireModel):
    """The agent has ``logout``."""


class AgentAuthCapabilities(WireModel):
    """What the agent can do about authentication, beyond ``authenticate``."""

    logout: Lenient[LogoutCapabilities | None] = None


class AgentCapabilities(WireModel):
    """What the agent offers; what is absent must not be used."""

    load_session: Lenient[bool] = False
    prompt_capabilities: Lenient[PromptCapabilities] = Field(default_factory=PromptCapabilities)
    mcp_capabilities: Lenient[McpCapabilities] = Field(default_factory=McpCapabilities)
    session_capabilities: Lenient[SessionCapabilities] = Field(default_factory=SessionCapabilities)
    auth: Lenient[AgentAuthCapabilities] = Field(default_factory=AgentAuthCapabilities)


class AuthMethodAgent(WireModel):
    """A method that the agent carries out by itself on ``authenticate``."""

    id: str
    name: str
    description: Lenient[str | None] = None


class AuthMethodTerminal(WireModel):
    """A method that the client carries out by running the agent in a terminal."""

    type: Literal["terminal"] = "terminal"
    id: str
    name: str
    description: Lenient[str | None] = None
    args: Lenient[Items[str] | None] = None
    env: Lenient[dict[str, str] | None] = None


AuthMethod = Annotated[AuthMethodTerminal | AuthMethodAgent, OneOf("type")]


class InitializeResponse(WireModel):
    """The answer; ``protocol_version`` is the one in force from now on."""

    protocol_version: int
    agent_capabilities: Lenient[AgentCapabilities] = Field(default_factory=AgentCapabilities)
    auth_methods: Lenient[Items[AuthMethod]] = Field(default_factory=list[AuthMethod])
    agent_info: Lenient[Implementation | None] = None
