"""Tool calls as the client shows them.

Owns the types of https://agentclientprotocol.com/protocol/v1/tool-calls. Does not own
permission requests (``client``).
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, Open, WireModel
from acp_agent.protocol.wire.content import ContentBlock

ToolKind = Literal[
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"
]
ToolCallStatus = Literal["pending", "in_progress", "completed", "failed"]


class Content(WireModel):
    """A content block that a tool call gave."""

    type: Literal["content"] = "content"
    content: ContentBlock


class Diff(WireModel):
    """A change to a file; no ``old_text`` means a new file."""

    type: Literal["diff"] = "diff"
    path: str
    new_text: str
    old_text: Lenient[str | None] = None


class Terminal(WireModel):
    """A terminal whose output the client shows as it comes."""

    type: Literal["terminal"] = "terminal"
    terminal_id: str


class UnknownToolCallContent(WireModel):
    """Content of a type that this version does not know, with all its fields."""

    model_config = ConfigDict(extra="allow")

    type: str


ToolCallContent = Annotated[Content | Diff | Terminal | UnknownToolCallContent, OneOf("type")]


class ToolCallLocation(WireModel):
    """A place in a file, for editors that follow along; ``line`` as the agent counts."""

    path: str
    line: Lenient[int | None] = None


class ToolCall(WireModel):
    """A new tool call, as a session update."""

    session_update: Literal["tool_call"] = "tool_call"
    tool_call_id: str
    title: str
    kind: Lenient[Open[ToolKind] | None] = None
    status: Lenient[Open[ToolCallStatus] | None] = None
    content: Lenient[Items[ToolCallContent] | None] = None
    locations: Lenient[Items[ToolCallLocation] | None] = None
    raw_input: Any = None
    raw_output: Any = None


class ToolCallUpdate(WireModel):
    """What changed in a tool call; lists replace the ones before."""

    tool_call_id: str
    title: Lenient[str | None] = None
    kind: Lenient[Open[ToolKind] | None] = None
    status: Lenient[Open[ToolCallStatus] | None] = None
    content: Lenient[Items[ToolCallContent] | None] = None
    locations: Lenient[Items[ToolCallLocation] | None] = None
    raw_input: Any = None
    raw_output: Any = None


class ToolCallProgress(ToolCallUpdate):
    """A ``ToolCallUpdate`` as a session update; within a permission request it is bare."""

    session_update: Literal["tool_call_update"] = "tool_call_update"
