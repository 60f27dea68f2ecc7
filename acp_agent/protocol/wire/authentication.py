"""``authenticate`` and ``logout``.

Owns the types of https://agentclientprotocol.com/protocol/v1/authentication, except the
methods on offer, which ``initialize`` announces.
"""

from acp_agent.protocol.wire.base import WireModel


class AuthenticateRequest(WireModel):
    """Asks for the method ``method_id`` to be carried out."""

    method_id: str


class AuthenticateResponse(WireModel):
    """The method was carried out."""


class LogoutRequest(WireModel):
    """Asks for the end of the authenticated state."""


class LogoutResponse(WireModel):
    """The authenticated state has ended."""
