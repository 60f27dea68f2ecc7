"""What each model is told of a session beside the conversation itself; plain data.

Owns the shape of it: the tools on offer, the words before the first message, and what of
the conversation is left out. Does not own how any of it comes to be (``acp_agent.turn``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acp_agent.conversation import Message, Tool


@dataclass(slots=True, frozen=True)
class Guide:
    """An ``AGENTS.md``: its folder, the name it is told by, its content (``cut``: not all)."""

    folder: Path
    name: str
    content: str
    cut: bool = False


@dataclass(slots=True)
class Surroundings:
    """What a session found when its first model with tools was asked; the same from then on.

    ``facts`` are the date and the project's folder in words. ``guides`` are the files of
    instructions, the outermost first. ``known`` are the folders whose guide models were told
    of.
    """

    facts: str
    guides: tuple[Guide, ...] = ()
    known: set[Path] = field(default_factory=set[Path])


@dataclass(slots=True, frozen=True)
class Elision:
    """What of a conversation a model is no longer told.

    The messages before ``start`` are left out but for ``pinned``, the prompt of the turn
    that ``start`` lies in. ``summary`` stands for them, empty where there is none.
    ``shortened`` is what is told in place of a tool result's text. All numbers are indices of
    the conversation. ``newest`` is the last message that it rests on.
    """

    start: int = 0
    pinned: int | None = None
    summary: str = ""
    shortened: Mapping[int, str] = field(default_factory=dict[int, str])
    newest: Message | None = None

    @property
    def reach(self) -> int:
        """The index of ``newest``, -1 where nothing is left out."""
        pinned = -1 if self.pinned is None else self.pinned
        return max(self.start - 1, pinned, *self.shortened)

    def holds(self, messages: Sequence[Message]) -> bool:
        """Whether what it rests on is still there: a refused prompt's turn is taken back."""
        if self.reach < 0:
            return True
        return self.reach < len(messages) and messages[self.reach] is self.newest


@dataclass(slots=True, frozen=True)
class Measured:
    """A request as the server counted it: the first ``count`` messages (the last is
    ``newest``), all that stands before them and the answer are ``tokens``."""

    tokens: int
    count: int
    newest: Message

    def holds(self, messages: Sequence[Message]) -> bool:
        """Whether the messages it counts are still there."""
        return self.count <= len(messages) and messages[self.count - 1] is self.newest


@dataclass(slots=True)
class ModelContext:
    """What one model is told. ``tools``, ``instructions`` and ``preamble`` stay as they are,
    so that prompts begin alike.

    ``fixed`` is an upper-side estimate of their tokens. ``density`` is how many tokens the
    model's tokenizer makes of an estimated one, where that is more than one. ``news`` are
    sentences that the user has not been told yet, ``cut`` the one about what is left out (empty:
    told). ``window`` is the one that the server told.
    """

    tools: tuple[Tool, ...] = ()
    instructions: str = ""
    preamble: str = ""
    fixed: int = 0
    density: float = 1.0
    news: list[str] = field(default_factory=list[str])
    cut: str = ""
    elision: Elision = field(default_factory=Elision)
    measured: Measured | None = None
    window: int | None = None
