"""What a turn needs of the editor: somewhere to send events, someone to ask.

Owns the interface only; ``protocol/output`` is the editor, tests have their own.
"""

from typing import Protocol

from acp_agent.backends.base import Event


class TurnOutput(Protocol):
    """The editor's end of a turn."""

    async def emit(self, event: Event) -> None:
        """Shows ``event``; waits while the editor is behind."""
        ...

    async def ask(self, title: str, detail: str) -> bool:
        """Asks the user to allow what ``title`` names. No answer means no."""
        ...

    async def settle(self) -> None:
        """Ends what is still shown as running, as failed. Must be quick."""
        ...
