"""What a turn needs of the editor: somewhere to send events, someone to ask.

Owns the interface only; ``protocol/output`` is the editor, tests have their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from acp_agent.backends.base import Event
from acp_agent.tools.base import Kind, Place

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
    text: str = ""


class TurnOutput(Protocol):
    """The editor's end of a turn."""

    async def emit(self, event: Event) -> None:
        """Shows ``event``; waits while the editor is behind."""
        ...

    async def show(self, call: ShownCall) -> None:
        """Shows a tool call, or what has become of one shown before."""
        ...

    async def ask(self, title: str, detail: str) -> bool:
        """Asks the user to allow what ``title`` names. No answer means no."""
        ...

    async def settle(self) -> None:
        """Ends what is still shown as running, as failed. Must be quick."""
        ...
