"""A lenient parser of what a gpt-oss model generates, token by token.

Owns turning control tokens and decoded text into events. Does not own the vocabulary
(``marks`` and a decoder come with it), the prompt, or what is done with a tool call.

It never raises, keeps no more than a bounded header and the arguments of one call, and
takes time linear in the output. What a model does wrong has a defined outcome:

=============================================  ========================================
``<|end|>`` (or ``<|call|>``) is missing       the next header or the end ends the message
``<|start|>assistant`` is missing              ``<|channel|>`` begins a header by itself
``<|message|>`` is missing                     what the header does not need is the message
no header at all                               the text is the answer
a recipient on any channel, also in the role   a tool call
arguments that are no JSON object              ``ToolCallFailed``
an unknown channel                             reasoning
another role than the assistant's              dropped
a few words before a header                    dropped
a control token where it makes no sense        dropped
anything after ``<|return|>``                  dropped
=============================================  ========================================
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, Protocol

from acp_agent.harmony.events import (
    ArgumentsDelta,
    HarmonyEvent,
    MessageEnded,
    TextDelta,
    ThoughtDelta,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)
from acp_agent.harmony.header import Header, Kind, Opening, Origin
from acp_agent.harmony.marks import Mark, Marks


class TextDecoder(Protocol):
    """Turns ordinary tokens into text."""

    def add(self, token: int) -> str:
        """The whole characters that ``token`` completes, often none."""
        ...


class HarmonyParser:
    """Parses one answer; its prompt ended with ``<|start|>assistant``.

    Args:
        marks: the vocabulary's control tokens (``marks.find_marks``).
        new_decoder: makes a decoder; each message gets its own, so that half a
            character at the end of one does not spoil the next.
    """

    def __init__(self, marks: Marks, new_decoder: Callable[[], TextDecoder]) -> None:
        self._marks = marks
        self._new_decoder = new_decoder
        self._decoder = new_decoder()
        self._header = Header(Origin.PROMPT)
        self._message: _Message | None = None
        self._kind: Kind | None = None
        self._ended = False

    @property
    def kind(self) -> Kind | None:
        """What the message is that the model now writes, None in a header."""
        return self._kind

    @property
    def ended(self) -> bool:
        """Whether the model said that its answer is complete, or ``finish`` was called."""
        return self._ended

    def feed(self, token: int) -> list[HarmonyEvent]:
        """The events that ``token`` brings about."""
        if self._ended:
            return []
        if token in self._marks:
            return self._take_mark(self._marks[token])
        text = self._decoder.add(token)
        return self._take_text(text) if text else []

    def finish(self) -> list[HarmonyEvent]:
        """The events of the output's end, however it came about."""
        if self._ended:
            return []
        self._ended = True
        return self._end_message(Origin.BETWEEN)

    def _take_text(self, text: str) -> list[HarmonyEvent]:
        if self._message is not None:
            return self._message.add(text)
        left = self._header.add(text)
        return [] if left is None else self._open(self._header.read(), left)

    def _take_mark(self, mark: Mark | None) -> list[HarmonyEvent]:
        match mark:
            case Mark.START:
                return self._take_start()
            case Mark.CHANNEL:
                events = self._end_message(Origin.BETWEEN) if self._message is not None else []
                return events + self._continue_header(Header.add_channel)
            case Mark.CONSTRAIN if self._message is None:
                return self._continue_header(Header.add_constrain)
            case Mark.MESSAGE if self._message is None:
                self._decoder = self._new_decoder()
                return self._open(replace(self._header.read(), rest=""))
            case Mark.END | Mark.CALL:
                return self._take_end()
            case Mark.RETURN:
                events = self._take_end()
                self._ended = True
                return events
            case _:
                return []

    def _take_start(self) -> list[HarmonyEvent]:
        if self._message is None and not self._header.has_channel:
            self._begin_header(Origin.START)
            return []
        return self._end_message(Origin.START)

    def _take_end(self) -> list[HarmonyEvent]:
        """A call without arguments is told as failed, so that the model learns of it."""
        if self._message is None:
            opening = self._header.read()
            if opening.kind is Kind.CALL:
                events = self._open(opening)
                return events + self._end_message(Origin.BETWEEN)
        return self._end_message(Origin.BETWEEN)

    def _continue_header(self, add_mark: Callable[[Header], bool]) -> list[HarmonyEvent]:
        return [] if add_mark(self._header) else self._open(self._header.read())

    def _begin_header(self, origin: Origin) -> None:
        self._header = Header(origin)
        self._message = self._kind = None
        self._decoder = self._new_decoder()

    def _open(self, opening: Opening, text: str = "") -> list[HarmonyEvent]:
        """Begins the message after the header; ``text`` is what has come of it."""
        self._message, self._kind = _MESSAGES[opening.kind](opening.name), opening.kind
        text = opening.rest + text
        return self._message.begin() + (self._message.add(text) if text else [])

    def _end_message(self, next_origin: Origin) -> list[HarmonyEvent]:
        """Ends the message, or the header where ``<|message|>`` is missing."""
        events: list[HarmonyEvent] = []
        if self._message is None and (opening := self._header.read()).rest:
            events = self._open(opening)
        if self._message is not None:
            events = events + self._message.end()
        self._begin_header(next_origin)
        return events


class _Message(Protocol):
    def begin(self) -> list[HarmonyEvent]: ...

    def add(self, text: str) -> list[HarmonyEvent]: ...

    def end(self) -> list[HarmonyEvent]: ...


class _Prose:
    """Text that is given on as it comes."""

    def __init__(self, delta: Callable[[str], HarmonyEvent]) -> None:
        self._delta = delta
        self._empty = True

    def begin(self) -> list[HarmonyEvent]:
        return []

    def add(self, text: str) -> list[HarmonyEvent]:
        self._empty = False
        return [self._delta(text)]

    def end(self) -> list[HarmonyEvent]:
        return [] if self._empty else [MessageEnded()]


class _Foreign:
    """A message that is not the assistant's."""

    def begin(self) -> list[HarmonyEvent]:
        return []

    def add(self, text: str) -> list[HarmonyEvent]:
        return []

    def end(self) -> list[HarmonyEvent]:
        return []


class _Call:
    """A tool call; its arguments are given on as they come, and judged at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: list[str] = []

    def begin(self) -> list[HarmonyEvent]:
        return [ToolCallStarted(self._name)]

    def add(self, text: str) -> list[HarmonyEvent]:
        self._pieces.append(text)
        return [ArgumentsDelta(text)]

    def end(self) -> list[HarmonyEvent]:
        arguments = "".join(self._pieces)
        reason = find_fault(arguments) if self._name else "The call names no tool."
        if reason is None:
            return [ToolCallFinished(self._name, arguments)]
        return [ToolCallFailed(self._name, arguments, reason)]


_MESSAGES: dict[Kind, Callable[[str], _Message]] = {
    Kind.THOUGHT: lambda _: _Prose(ThoughtDelta),
    Kind.ANSWER: lambda _: _Prose(TextDelta),
    Kind.PREAMBLE: lambda _: _Prose(lambda text: TextDelta(text, preamble=True)),
    Kind.CALL: _Call,
    Kind.FOREIGN: lambda _: _Foreign(),
}


def find_fault(arguments: str) -> str | None:
    """Why ``arguments`` cannot be a call's, in a sentence; None if they can.

    They must be one JSON object: unlike a number, an object that was cut off never
    parses, so a call cut off by the token limit does not run.
    """
    if not arguments.strip():
        return "The call has no arguments; an empty object is {}."
    try:
        value: Any = json.loads(arguments, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return f"The arguments are not valid JSON: {error.msg} at character {error.pos}."
    except (ValueError, RecursionError):
        return "The arguments are not valid JSON."
    return None if isinstance(value, dict) else "The arguments must be one JSON object."


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON.")
