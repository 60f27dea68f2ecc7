"""What a turn needs of the editor: somewhere to send events, someone to ask.

Owns the interface, and how a call looks before it is run; ``protocol/output`` is the editor,
tests have their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from acp_agent.backends.base import Event, ToolCallStarted
from acp_agent.conversation import ToolCall
from acp_agent.permissions import Option
from acp_agent.tools.base import Kind, Place, RunnableTool, parse_object
from acp_agent.tools.shown import Shown


@dataclass(slots=True, frozen=True)
class Source:
    """Who writes a part of a turn's answer in the session's place: the mode and model of a
    delegation, and the id of the call that stands for it."""

    mode: str
    model: str
    call: str


CallStatus = Literal["pending", "in_progress", "completed", "failed"]


@dataclass(slots=True, frozen=True)
class ShownCall:
    """A tool call as it stands. ``arguments`` are None while they are being written."""

    id: str
    title: str
    kind: Kind = "other"
    status: CallStatus = "pending"
    arguments: Mapping[str, Any] | None = None
    places: tuple[Place, ...] = ()
    content: tuple[Shown, ...] = ()


def call_begun(started: ToolCallStarted, tool: RunnableTool | None) -> ShownCall:
    """A call of ``tool`` (None: there is none of this name) whose arguments are not known yet."""
    if tool is None:
        return ShownCall(started.id, started.name)
    return ShownCall(started.id, tool.title({}), tool.kind)


def call_requested(call: ToolCall, tool: RunnableTool | None) -> ShownCall:
    """The whole ``call`` of ``tool`` (None: there is none of this name), not looked at yet."""
    arguments = parse_object(call.arguments)
    if tool is None or arguments is None:
        kind = tool.kind if tool else "other"
        return ShownCall(call.id, call.name, kind, arguments=arguments)
    return ShownCall(call.id, tool.title(arguments), tool.kind, arguments=arguments)


class EventOutput(Protocol):
    """Where events go."""

    async def emit(self, event: Event) -> None:
        """Shows ``event``, unless it is about a call (``show``); waits while the editor is
        behind."""
        ...


class TurnOutput(EventOutput, Protocol):
    """The editor's end of a turn."""

    async def show(self, call: ShownCall) -> None:
        """Shows a tool call, or what has become of one shown before."""
        ...

    async def ask(self, title: str, detail: str) -> bool:
        """Asks the user to allow what ``title`` names. No answer means no."""
        ...

    async def ask_call(self, call: ShownCall, options: Sequence[Option], reason: str) -> str | None:
        """Asks whether the shown ``call`` may be made; the id of the option chosen.

        None: cancelled, an error, or no option of these; the call is not made.
        """
        ...

    @property
    def can_ask_user(self) -> bool:
        """Whether the editor has forms (ACP: elicitation)."""
        ...

    async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
        """The user's answer in a form; None: declined or dismissed.

        Raises:
            AgentError: the editor did not show the form.
        """
        ...

    def branch(self, source: Source, *, counts: bool = False) -> "TurnOutput":
        """Where a delegation writes: its own messages, marked with ``source``, and its own
        calls. ``source.call`` is a call that this output has shown.

        Several may write at the same time; the user is asked one question at a time. What a
        delegation uses of a window is its own and not shown, unless it ``counts``: the model
        then answers with the session's own conversation. Settling this output settles its
        branches for good: what they are given after that is dropped.
        """
        ...

    async def settle(self) -> None:
        """Ends what is still shown as running, as failed. Must be quick."""
        ...
