"""The conversation of a session, neutral of any backend and of ACP.

Owns the messages (user, assistant, tool results), what a model is told of a tool, and
cutting messages to a model's window. Does not own how a backend spells them, nor what the
editor is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8


@dataclass(slots=True, frozen=True)
class UserMessage:
    """What the user said; ``text`` holds embedded resources inline."""

    text: str


@dataclass(slots=True, frozen=True)
class ToolCall:
    """A call the model asked for. ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


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
class Conversation:
    """The messages of one session in order."""

    messages: list[Message] = field(default_factory=list[Message])

    def append(self, message: Message) -> None:
        """Adds ``message`` at the end."""
        self.messages.append(message)


def estimate_tokens(message: Message) -> int:
    """An upper-side estimate of ``message``'s tokens, without any tokenizer.

    Three UTF-8 bytes a token is below what common BPE vocabularies reach on prose and
    code, so that the estimate errs towards cutting too early rather than overflowing.
    """
    size = len(message.text.encode())
    if isinstance(message, AssistantMessage):
        size += sum(len(call.name) + len(call.arguments.encode()) for call in message.tool_calls)
    return size // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE


@dataclass(slots=True, frozen=True)
class Fitted:
    """Messages that fit a window, and how many older ones were left out."""

    messages: tuple[Message, ...]
    dropped: int


def fit(messages: Sequence[Message], budget: int) -> Fitted:
    """The longest tail of ``messages`` within ``budget`` tokens (estimated).

    The tail starts at a user message, so that no tool result stands without its call;
    the last user message and all that follows it are kept whatever they cost.
    """
    starts = [index for index, message in enumerate(messages) if isinstance(message, UserMessage)]
    if not starts:
        return Fitted(tuple(messages), 0)
    costs = [estimate_tokens(message) for message in messages]
    best = starts[-1]
    spent = sum(costs[best:])
    for start in reversed(starts[:-1]):
        spent += sum(costs[start:best])
        if spent > budget:
            break
        best = start
    else:
        best = starts[0]
    return Fitted(tuple(messages[best:]), best)
