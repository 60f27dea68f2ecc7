"""``elicitation/create`` in form mode: asking the user for values.

Owns the types of https://agentclientprotocol.com/protocol/v1/schema that such a request
needs. A form's properties are plain JSON Schema objects. Mode
``url`` and requests outside a session are not modelled: nothing here asks for them.
"""

from typing import Any, Literal

from pydantic import Field

from acp_agent.protocol.wire.base import Lenient, Open, WireModel

ElicitationAction = Literal["accept", "decline", "cancel"]


class ElicitationSchema(WireModel):
    """The form: one flat object whose ``properties`` are JSON Schema objects."""

    type: Lenient[Literal["object"]] = "object"
    title: Lenient[str | None] = None
    description: Lenient[str | None] = None
    properties: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    required: list[str] | None = None


class CreateElicitationRequest(WireModel):
    """``elicitation/create`` within a session: asks the user to fill in a form."""

    mode: Literal["form"] = "form"
    session_id: str
    tool_call_id: Lenient[str | None] = None
    message: str
    requested_schema: ElicitationSchema


class CreateElicitationResponse(WireModel):
    """What the user did; ``content`` has the form's values where ``action`` is ``accept``."""

    action: Open[ElicitationAction]
    content: dict[str, Any] | None = None
