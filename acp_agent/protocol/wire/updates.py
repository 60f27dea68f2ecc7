"""``session/update``: what the agent tells the client during a session.

Owns the types of https://agentclientprotocol.com/protocol/v1/prompt-turn, agent-plan,
slash-commands and the updates about modes, options, title and usage. Where a page and
the schema differ, the schema holds: ``current_mode_update`` carries ``currentModeId``.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, Open, WireModel
from acp_agent.protocol.wire.content import ContentBlock
from acp_agent.protocol.wire.nullable import NullableModel
from acp_agent.protocol.wire.options import SessionConfigOption
from acp_agent.protocol.wire.tool_calls import ToolCall, ToolCallProgress

PlanEntryPriority = Literal["high", "medium", "low"]
PlanEntryStatus = Literal["pending", "in_progress", "completed"]


class ContentChunk(WireModel):
    """A piece of a message; pieces with one ``message_id`` belong together."""

    content: ContentBlock
    message_id: Lenient[str | None] = None


class UserMessageChunk(ContentChunk):
    """What the user said, when history is replayed."""

    session_update: Literal["user_message_chunk"] = "user_message_chunk"


class AgentMessageChunk(ContentChunk):
    """A piece of the answer."""

    session_update: Literal["agent_message_chunk"] = "agent_message_chunk"


class AgentThoughtChunk(ContentChunk):
    """A piece of the model's reasoning."""

    session_update: Literal["agent_thought_chunk"] = "agent_thought_chunk"


class PlanEntry(WireModel):
    """A step of a plan."""

    content: str
    priority: Open[PlanEntryPriority]
    status: Open[PlanEntryStatus]


class Plan(WireModel):
    """The whole plan as it stands; replaces the one before."""

    session_update: Literal["plan"] = "plan"
    entries: Items[PlanEntry]


class UnstructuredCommandInput(WireModel):
    """All that is typed after the command; ``hint`` is shown until then."""

    hint: str


class AvailableCommand(WireModel):
    """A slash command on offer; ``name`` is without the slash."""

    name: str
    description: str
    input: Lenient[UnstructuredCommandInput | None] = None


class AvailableCommandsUpdate(WireModel):
    """All slash commands on offer; replaces the ones before."""

    session_update: Literal["available_commands_update"] = "available_commands_update"
    available_commands: Items[AvailableCommand]


class CurrentModeUpdate(WireModel):
    """The mode now in force."""

    session_update: Literal["current_mode_update"] = "current_mode_update"
    current_mode_id: str


class ConfigOptionUpdate(WireModel):
    """All options as they are now."""

    session_update: Literal["config_option_update"] = "config_option_update"
    config_options: Items[SessionConfigOption]


class SessionInfoUpdate(NullableModel):
    """What changed about the session; None clears, and what is not set stays."""

    session_update: Literal["session_info_update"] = "session_info_update"
    title: Lenient[str | None] = None
    updated_at: Lenient[str | None] = None


class Cost(WireModel):
    """What the session has cost so far; ``currency`` is an ISO 4217 code."""

    amount: float
    currency: str


class UsageUpdate(WireModel):
    """Tokens in the context now (``used``) and at most (``size``)."""

    session_update: Literal["usage_update"] = "usage_update"
    used: int
    size: int
    cost: Lenient[Cost | None] = None


class UnknownUpdate(WireModel):
    """An update of a kind that this version does not know, with all its fields."""

    model_config = ConfigDict(extra="allow")

    session_update: str


SessionUpdate = Annotated[
    UserMessageChunk
    | AgentMessageChunk
    | AgentThoughtChunk
    | ToolCall
    | ToolCallProgress
    | Plan
    | AvailableCommandsUpdate
    | CurrentModeUpdate
    | ConfigOptionUpdate
    | SessionInfoUpdate
    | UsageUpdate
    | UnknownUpdate,
    OneOf("sessionUpdate"),
]


class SessionNotification(WireModel):
    """``session/update``."""

    session_id: str
    update: SessionUpdate
