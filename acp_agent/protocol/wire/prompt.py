"""``session/prompt``, and what calls it off.

Owns the types of https://agentclientprotocol.com/protocol/v1/prompt-turn and
https://agentclientprotocol.com/protocol/v1/cancellation.
"""

from typing import Annotated, Literal

from acp_agent.protocol.wire.base import Open, Saying, WireModel
from acp_agent.protocol.wire.content import ContentBlock
from acp_agent.protocol.wire.nullable import NullableModel

StopReason = Literal["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"]


class PromptRequest(WireModel):
    """What the user says."""

    session_id: str
    prompt: list[ContentBlock]


class PromptResponse(WireModel):
    """The turn is over."""

    stop_reason: Open[StopReason]


class CancelNotification(WireModel):
    """``session/cancel``: the session's turn is to end."""

    session_id: str


class CancelRequestNotification(NullableModel):
    """``$/cancel_request``: the sender no longer wants the answer to its request."""

    request_id: Annotated[int | str, Saying("must be an integer, a string or null")] | None
