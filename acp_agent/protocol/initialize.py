"""``initialize`` and ``authenticate``: what this agent is and can do; pure.

Owns version negotiation and the advertised capabilities: only what works is named here.
Does not own sessions.

Source: https://agentclientprotocol.com/protocol/v1/initialization
"""

from acp_agent import __version__
from acp_agent.errors import InvalidParams
from acp_agent.protocol.abilities import ClientAbilities, client_abilities
from acp_agent.protocol.wire.initialize import (
    AgentCapabilities,
    AuthMethodAgent,
    Implementation,
    InitializeRequest,
    InitializeResponse,
    McpCapabilities,
    PromptCapabilities,
    SessionAdditionalDirectoriesCapabilities,
    SessionCapabilities,
    SessionCloseCapabilities,
)
from acp_agent.rpc.frames import JsonObject

PROTOCOL_VERSION = 1
"""The only version this agent speaks; it answers it whatever the client asks for."""

_LOCAL = AuthMethodAgent(
    id="local",
    name="No login",
    description="Your models run on your machine: there is no account to log in to.",
)


def initialize(params: JsonObject) -> tuple[JsonObject, ClientAbilities]:
    """The response to a client's ``initialize``, and what the client can do.

    Raises:
        InvalidParams: no usable protocolVersion.
    """
    request = InitializeRequest.from_wire(params)
    response = InitializeResponse(
        protocol_version=PROTOCOL_VERSION,
        agent_info=Implementation(name="acp-agent", title="acp-agent", version=__version__),
        agent_capabilities=AgentCapabilities(
            prompt_capabilities=PromptCapabilities(embedded_context=True),
            mcp_capabilities=McpCapabilities(http=True, sse=True),
            session_capabilities=SessionCapabilities(
                close=SessionCloseCapabilities(),
                additional_directories=SessionAdditionalDirectoriesCapabilities(),
            ),
        ),
        auth_methods=[_LOCAL],
    )
    return response.to_wire(), client_abilities(request)


def authenticate(params: JsonObject) -> JsonObject:
    """Nothing to do: the one method needs no login, and no session waits for it.

    Raises:
        InvalidParams: a method that was not offered.
    """
    from acp_agent.protocol.wire.authentication import AuthenticateRequest

    request = AuthenticateRequest.from_wire(params)
    if request.method_id != _LOCAL.id:
        raise InvalidParams(
            f"params.methodId: there is no {request.method_id!r}; use {_LOCAL.id!r}."
        )
    return {}
