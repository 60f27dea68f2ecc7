"""What a turn leaves behind, and how the next request tells it; pure.

Owns gathering an answer and spelling the conversation for a model: no thoughts, nothing
empty, interruptions said in the user's words. Does not own requests (``turn/loop``).
"""

from collections.abc import Iterable
from dataclasses import replace

from acp_agent.backends.base import (
    Done,
    Event,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
)
from acp_agent.conversation import AssistantMessage, Message, UserMessage

INTERRUPTED = "(Your answer above was interrupted.)"
"""Stands before what the user says next. In the answer itself, small models imitate it."""


class Answer:
    """Gathers what the model says. ``wanted_tools`` are the tools that it asked for."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thought: list[str] = []
        self.wanted_tools: list[str] = []
        self.stop_reason: StopReason | None = None

    def take(self, event: Event) -> None:
        """Notes ``event``."""
        if type(event) is TextDelta:
            self._text.append(event.text)
        elif type(event) is ThoughtDelta:
            self._thought.append(event.text)
        elif isinstance(event, ToolCallRequested):
            self.wanted_tools.append(event.call.name)
        elif isinstance(event, Done):
            self.stop_reason = event.stop_reason

    @property
    def is_empty(self) -> bool:
        """Nothing was said, thoughts aside."""
        return not self._text

    @property
    def has_begun(self) -> bool:
        """Something was shown."""
        return bool(self._text or self._thought)

    def message(self) -> AssistantMessage:
        """The answer so far, for the history."""
        return AssistantMessage(
            "".join(self._text), "".join(self._thought), interrupted=self.stop_reason is None
        )


def as_told(messages: Iterable[Message]) -> tuple[Message, ...]:
    """``messages`` as a model is told them; users and answers take turns."""
    told: list[Message] = []
    interrupted = False
    for message in messages:
        if isinstance(message, AssistantMessage):
            interrupted = message.interrupted and bool(message.text)
            if message.text or message.tool_calls:
                told.append(replace(message, thought="", interrupted=False))
            continue
        if isinstance(message, UserMessage):
            message = _user_told(message, told, interrupted)
            interrupted = False
        told.append(message)
    return tuple(told)


def _user_told(message: UserMessage, told: list[Message], interrupted: bool) -> UserMessage:
    """``message``, joined with the user message before it where nothing was answered."""
    if interrupted:
        return UserMessage(f"{INTERRUPTED}\n\n{message.text}")
    if told and isinstance(told[-1], UserMessage):
        before = told.pop()
        return UserMessage(f"{before.text}\n\n{message.text}")
    return message
