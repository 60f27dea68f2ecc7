"""An answer's tokens as they were generated, message by message.

Owns cutting them up as the parser understands them, and putting them together again for
a later prompt. Does not own events (``parser``) nor which answer belongs where
(``transcript``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acp_agent.harmony.events import (
    HarmonyEvent,
    TextDelta,
    ThoughtDelta,
    ToolCallStarted,
)
from acp_agent.harmony.header import Kind
from acp_agent.harmony.marks import Mark, Marks
from acp_agent.harmony.parser import HarmonyParser

_ENDS = (Mark.END, Mark.CALL, Mark.RETURN)


@dataclass(slots=True, frozen=True)
class Piece:
    """One message of an answer: its tokens from ``<|start|>`` on, where it has one, to its
    end, where it has one."""

    kind: Kind
    tokens: tuple[int, ...]


class Recorder:
    """Runs ``parser`` over an answer and notes what it was fed."""

    def __init__(self, parser: HarmonyParser, marks: Marks) -> None:
        self._parser = parser
        self._marks = marks
        self._pieces: list[tuple[Kind | None, list[int]]] = []
        self._tokens: list[int] = []
        self._kind: Kind | None = None

    @property
    def kind(self) -> Kind | None:
        """What the message is that the model now writes, None in a header."""
        return self._parser.kind

    @property
    def ended(self) -> bool:
        """Whether the model said that its answer is complete."""
        return self._parser.ended

    def feed(self, token: int) -> list[HarmonyEvent]:
        """The events that ``token`` brings about."""
        mark = self._marks.get(token)
        in_message = self._parser.kind is not None
        events = self._parser.feed(token)
        # Where a header was all that came, its end shows what it was.
        self._kind = self._kind or _kind_of(events)
        if mark is Mark.START or (mark is Mark.CHANNEL and in_message):
            self._close()
        self._tokens.append(token)
        self._kind = self._kind or self._parser.kind
        if mark in _ENDS:
            self._close()
        return events

    def finish(self) -> list[HarmonyEvent]:
        """The events of the output's end, however it came about."""
        events = self._parser.finish()
        self._kind = self._kind or _kind_of(events)
        return events

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The messages so far.

        What is no message of the assistant's is left out: words between two of them, a
        header without a message, what the model made others say.
        """
        pieces = [*self._pieces, (self._kind, self._tokens)]
        return tuple(
            Piece(kind, tuple(tokens))
            for kind, tokens in pieces
            if tokens and kind is not None and kind is not Kind.FOREIGN
        )

    def _close(self) -> None:
        if self._tokens:
            self._pieces.append((self._kind, self._tokens))
        self._tokens = []
        self._kind = None


class Assembler:
    """Puts answers into prompts.

    Args:
        opening: what a prompt ends with, ``<|start|>assistant``.
    """

    def __init__(self, marks: Marks, opening: Sequence[int]) -> None:
        by_mark = {mark: token for token, mark in marks.items() if mark is not None}
        self._start = by_mark[Mark.START]
        self._end, self._call = by_mark[Mark.END], by_mark[Mark.CALL]
        self._ends = {by_mark[mark] for mark in _ENDS}
        self._opening = tuple(opening)

    def assemble(self, pieces: Sequence[Piece], *, with_thoughts: bool) -> list[int]:
        """The tokens of an answer for the prompts after it, as they were generated.

        ``<|return|>`` becomes ``<|end|>``, and what was cut off is ended.
        """
        kept = [piece for piece in pieces if with_thoughts or piece.kind is not Kind.THOUGHT]
        tokens: list[int] = []
        for index, piece in enumerate(kept):
            follows = index > 0 and with_thoughts
            if piece.tokens[0] != self._start and not follows:
                tokens += self._opening
            is_last = index == len(kept) - 1
            tokens += self._ended(piece) if is_last or not with_thoughts else piece.tokens
        return tokens

    def _ended(self, piece: Piece) -> Iterable[int]:
        end = self._call if piece.kind is Kind.CALL else self._end
        if piece.tokens[-1] not in self._ends:
            return (*piece.tokens, end)
        return (*piece.tokens[:-1], end)


def without_thoughts(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """``pieces`` as later turns tell them."""
    return tuple(piece for piece in pieces if piece.kind is not Kind.THOUGHT)


def _kind_of(events: Iterable[HarmonyEvent]) -> Kind | None:
    for event in events:
        match event:
            case ThoughtDelta():
                return Kind.THOUGHT
            case TextDelta(preamble=preamble):
                return Kind.PREAMBLE if preamble else Kind.ANSWER
            case ToolCallStarted():
                return Kind.CALL
            case _:
                pass
    return None
