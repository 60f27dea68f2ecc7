"""What a turn leaves behind, and how the next request tells it; pure.

Owns gathering an answer and spelling the conversation for a model: no thoughts, nothing
empty, interruptions said in the user's words. Does not own requests (``turn/request``).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from acp_agent.backends.base import (
    Done,
    Event,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
)
from acp_agent.conversation import AssistantMessage, Message, UserMessage

INTERRUPTED = "(Your answer above was interrupted.)"
"""Stands before what the user says next. In the answer itself, small models imitate it."""


class Answer:
    """Gathers what the model says. ``calls`` are the tool calls that it asked for.

    Args:
        watch: is told of every event too.
    """

    def __init__(self, watch: Callable[[Event], None] | None = None) -> None:
        self._watch = watch
        self._text: list[str] = []
        self._thought: list[str] = []
        self._began_call = False
        self.calls: list[ToolCallRequested] = []
        self.stop_reason: StopReason | None = None

    def take(self, event: Event) -> None:
        """Notes ``event``."""
        if self._watch is not None:
            self._watch(event)
        if type(event) is TextDelta:
            self._text.append(event.text)
        elif type(event) is ThoughtDelta:
            self._thought.append(event.text)
        elif isinstance(event, ToolCallStarted):
            self._began_call = True
        elif isinstance(event, ToolCallRequested):
            self._began_call = True
            self.calls.append(event)
        elif isinstance(event, Done):
            self.stop_reason = event.stop_reason

    def count(self, event: Event) -> None:
        """Tells whoever watches of ``event``, which is no part of the answer."""
        if self._watch is not None:
            self._watch(event)

    @property
    def is_empty(self) -> bool:
        """Nothing was said, thoughts aside."""
        return not self._text

    @property
    def has_begun(self) -> bool:
        """Something was shown."""
        return bool(self._text or self._thought or self._began_call)

    def message(self, *, with_calls: bool = True) -> AssistantMessage:
        """The answer so far, for the history; calls of one that was cut off are left out."""
        is_whole = self.stop_reason is not None
        calls = tuple(each.call for each in self.calls) if with_calls and is_whole else ()
        return AssistantMessage(
            "".join(self._text), "".join(self._thought), calls, interrupted=not is_whole
        )


def as_told(messages: Iterable[Message], *, with_tools: bool = True) -> tuple[Message, ...]:
    """``messages`` as a model is told them; users and answers take turns.

    A model without tools is told what was said only: neither calls nor results.
    """
    told: list[Message] = []
    interrupted = False
    for message in messages:
        if isinstance(message, AssistantMessage):
            interrupted = message.interrupted and bool(message.text)
            calls = message.tool_calls if with_tools else ()
            message = replace(message, thought="", tool_calls=calls, interrupted=False)
            _tell_answer(message, told)
            continue
        if isinstance(message, UserMessage):
            message = _user_told(message, told, interrupted)
            interrupted = False
        elif not with_tools:
            continue
        told.append(message)
    return tuple(told)


def _tell_answer(message: AssistantMessage, told: list[Message]) -> None:
    """Adds ``message``, joined with the answer before it where nothing stands between."""
    if not message.text and not message.tool_calls:
        return
    last = told[-1] if told else None
    if isinstance(last, AssistantMessage) and not last.tool_calls:
        text = "\n\n".join(part for part in (last.text, message.text) if part)
        told[-1] = replace(message, text=text)
        return
    told.append(message)


def _user_told(message: UserMessage, told: list[Message], interrupted: bool) -> UserMessage:
    """``message``, joined with the user message before it where nothing was answered."""
    if interrupted:
        return UserMessage(f"{INTERRUPTED}\n\n{message.text}")
    if told and isinstance(told[-1], UserMessage):
        before = told.pop()
        return UserMessage(f"{before.text}\n\n{message.text}")
    return message
