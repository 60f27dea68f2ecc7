"""What a client is told while a call runs: phases first, then how many tokens there are.

Owns the numbers, which only rise, and how often something is told. Does not own sending: it
is waited for, so a client that reads slowly slows the model down instead of being flooded.
Source: https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
"""

from collections.abc import Awaitable, Callable

from acp_agent.backends.base import Progress

Report = Callable[[float, float | None, str | None], Awaitable[None]]
"""``report(progress, total, message)``; does nothing where the client wants no progress."""

PIECES_APART = 16
"""Tokens after which the next notification is due; or, where they are long, after:"""
CHARACTERS_APART = 400
TAIL = 200
"""Characters of the answer's end in a notification."""
PERCENT_APART = 5
"""Of a phase, from one notification to the next."""


class ProgressTeller:
    """Tells of one call. Phases count below 1, tokens, thoughts among them, from 1 on."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._phases = 0
        self._shown: tuple[str, int | None] | None = None
        self.tokens = 0
        self._told = 0
        self._characters = 0
        self._tail = ""

    async def tell_phase(self, progress: Progress) -> None:
        """A step before the first token, such as loading."""
        if self.tokens or progress.finished:
            return
        percent = None
        if progress.done is not None and progress.total:
            percent = 100 * progress.done // progress.total
        step = None if percent is None else percent // PERCENT_APART
        if self._shown == (progress.title, step):
            return
        self._shown = (progress.title, step)
        end = "" if percent is None else f": {percent} %"
        await self.tell(f"{progress.title}{end}")

    async def tell(self, message: str) -> None:
        """A sentence, before the first token."""
        if not self.tokens:
            self._phases += 1
            await self._report(1 - 1 / (self._phases + 1), None, message)

    async def tell_thought(self) -> None:
        """A token of thought, which is counted and not shown."""
        await self._count("Thinking" if not self._tail else self._tail)

    async def tell_text(self, text: str) -> None:
        """A token of the answer."""
        self._characters += len(text)
        self._tail = (self._tail + text)[-TAIL:]
        await self._count(self._tail)

    async def _count(self, message: str) -> None:
        self.tokens += 1
        is_first = self.tokens == 1
        is_due = self.tokens - self._told >= PIECES_APART or self._characters >= CHARACTERS_APART
        if is_first or is_due:
            self._told, self._characters = self.tokens, 0
            await self._report(float(self.tokens), None, message)
