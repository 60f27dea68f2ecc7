"""What a Harmony parser tells about a model's output.

Owns the events only. No text in them holds markup, every delta is of whole characters
and never empty.
"""

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class ThoughtDelta:
    """A piece of the model's reasoning."""

    text: str


@dataclass(slots=True, frozen=True)
class TextDelta:
    """A piece of what the user may read.

    ``preamble`` is True for what the model says on its way to a tool call, and False
    for the answer itself.
    """

    text: str
    preamble: bool = False


@dataclass(slots=True, frozen=True)
class MessageEnded:
    """The message of the last ``ThoughtDelta`` or ``TextDelta`` is over.

    Another of the same kind may follow; it is a paragraph of its own.
    """


@dataclass(slots=True, frozen=True)
class ToolCallStarted:
    """A tool call begins. ``name`` is as the model wrote it, without ``functions.``."""

    name: str


@dataclass(slots=True, frozen=True)
class ArgumentsDelta:
    """A piece of the arguments of the call that began last."""

    text: str


@dataclass(slots=True, frozen=True)
class ToolCallFinished:
    """The call may run: ``arguments`` is the text of a whole JSON object."""

    name: str
    arguments: str


@dataclass(slots=True, frozen=True)
class ToolCallFailed:
    """The call must not run; ``reason`` is a sentence fit for the model to read."""

    name: str
    arguments: str
    reason: str


HarmonyEvent = (
    ThoughtDelta
    | TextDelta
    | MessageEnded
    | ToolCallStarted
    | ArgumentsDelta
    | ToolCallFinished
    | ToolCallFailed
)
