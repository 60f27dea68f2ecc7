"""The conversation of a session, neutral of any backend and of ACP.

Owns the messages (user, assistant, tool results), what a model is told of a tool, and
estimating what they cost. Does not own how a backend spells them, what is left out of them
(``turn/elide``), nor what the editor is shown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8


@dataclass(slots=True, frozen=True)
class UserMessage:
    """What the user said; ``text`` holds embedded resources inline.

    ``said`` is the same without them, None where there are none; ``attached`` names them
    and what was linked. Models are told neither.
    """

    text: str
    said: str | None = field(default=None, compare=False)
    attached: tuple[str, ...] = field(default=(), compare=False)


@dataclass(slots=True, frozen=True)
class ToolCall:
    """A call the model asked for. ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


DEPTH_LIMIT = 64
"""Levels of nesting in a call's arguments that everything behind them can read."""


def arguments_value(arguments: str) -> Any:
    """The value of a call's ``arguments``; the text itself where the model wrote no JSON, or
    nested it deeper than ``DEPTH_LIMIT``."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return value if is_shallow(value) else arguments


def is_shallow(value: Any, depth: int = 0) -> bool:
    """Whether JSON ``value`` is nested no deeper than ``DEPTH_LIMIT``."""
    if not isinstance(value, dict | list):
        return True
    nested = cast("dict[str, Any] | list[Any]", value)
    inner = nested.values() if isinstance(nested, dict) else nested
    return depth < DEPTH_LIMIT and all(is_shallow(each, depth + 1) for each in inner)


@dataclass(slots=True, frozen=True)
class AssistantMessage:
    """What the model said.

    ``thought`` is kept apart and never sent to another backend. ``interrupted`` marks
    an answer that a cancel or an error cut off: ``text`` is what the user saw of it.
    """

    text: str
    thought: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    interrupted: bool = False


@dataclass(slots=True, frozen=True)
class ToolResult:
    """The outcome of the call ``call_id``, as text for the model."""

    call_id: str
    name: str
    text: str
    failed: bool = False


Message = UserMessage | AssistantMessage | ToolResult


@dataclass(slots=True, frozen=True)
class Tool:
    """A tool as a model is told of it. ``parameters`` is the JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class PlanStep:
    """One step of the plan that a model makes for its task."""

    text: str
    status: Literal["pending", "in_progress", "completed"] = "pending"


@dataclass(slots=True)
class Conversation:
    """The messages of one session in order."""

    messages: list[Message] = field(default_factory=list[Message])

    def append(self, message: Message) -> None:
        """Adds ``message`` at the end."""
        self.messages.append(message)


def estimate_text(text: str) -> int:
    """An upper-side estimate of ``text``'s tokens, without any tokenizer.

    Three UTF-8 bytes a token is below what common BPE vocabularies reach on prose and
    code, so that the estimate errs towards cutting too early rather than overflowing.
    """
    return len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN


def text_of(tokens: int) -> int:
    """The UTF-8 bytes that are estimated as ``tokens``."""
    return max(tokens, 0) * _BYTES_PER_TOKEN


def estimate_tool(tool: Tool) -> int:
    """An upper-side estimate of the tokens of ``tool``'s definition."""
    parameters = json.dumps(dict(tool.parameters))
    return estimate_text(f"{tool.name}{tool.description}{parameters}") + _TOKENS_PER_MESSAGE


def estimate_tokens(message: Message, *, with_tools: bool = True) -> int:
    """An upper-side estimate of ``message``'s tokens; without tools calls and results are
    not told and cost nothing."""
    if not with_tools and isinstance(message, ToolResult):
        return 0
    said = message.text
    if with_tools and isinstance(message, AssistantMessage):
        said += "".join(call.name + call.arguments for call in message.tool_calls)
    return estimate_text(said) + _TOKENS_PER_MESSAGE
