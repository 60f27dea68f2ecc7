"""A rendered prompt with the model's own messages as it generated them.

Owns finding a template's messages again in its tokens, and replacing those that a
transcript has. Everything that others said stays as the template wrote it. Does not own
rendering (``prompt``) nor remembering (``transcript``).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from acp_agent.conversation import AssistantMessage, Message
from acp_agent.harmony.marks import Mark, Marks
from acp_agent.harmony.recorder import Assembler
from acp_agent.harmony.transcript import Answer

_HEADER_TOKENS = 64
"""Tokens of a message that are read to see whose it is and on which channel."""
_HEADER = re.compile(r"<\|start\|>\s*(?P<role>\w*)(?P<rest>.*)", re.DOTALL)
_INSTRUCTING = ("system", "developer")


@dataclass(slots=True, frozen=True)
class Woven:
    """A prompt.

    ``first_said`` is where the first message begins that is no instruction.
    ``open_turn`` is where the next turn may begin to differ: at the first thought that is
    told, else where the answer begins. ``past`` are the indices of the answers whose
    thoughts are no longer told. ``fits`` is whether the template wrote one message for each
    that it got; where it did not, nothing was replaced.
    """

    tokens: tuple[int, ...]
    first_said: int
    open_turn: int
    past: tuple[int, ...]
    fits: bool


@dataclass(slots=True)
class _Entry:
    """A message of a template; one of the assistant's has the thought before it with it."""

    role: str
    tokens: list[int]
    has_thought: bool = False


class Weaver:
    """Weaves prompts.

    Args:
        decode: the text of tokens with control tokens spelled out.
    """

    def __init__(self, marks: Marks, decode: Callable[[Sequence[int]], str]) -> None:
        by_mark = {mark: token for token, mark in marks.items() if mark is not None}
        self._start, self._message = by_mark[Mark.START], by_mark[Mark.MESSAGE]
        self._marks = marks
        self._decode = decode

    def weave(
        self, rendered: Sequence[int], messages: Sequence[Message], held: Mapping[int, Answer]
    ) -> Woven:
        """``rendered``, the prompt for ``messages``, with the answers in ``held`` in it.

        Args:
            held: answers by their index in ``messages``.
        """
        *segments, opening = self._split(rendered)
        entries = self._read(segments)
        told = [index for index, message in enumerate(messages) for _ in range(_count(message))]
        fits = len(told) == sum(entry.role == "assistant" for entry in entries)
        if not fits:
            told = [-1] * len(entries)
        places = iter(told)
        assembler = Assembler(self._marks, opening)
        tokens: list[int] = []
        first_said, open_turn = None, None
        past: list[int] = []
        for entry in entries:
            if first_said is None and entry.role not in _INSTRUCTING:
                first_said = len(tokens)
            index = next(places) if entry.role == "assistant" else -1
            answer = held.get(index)
            tells_thought = entry.has_thought and (answer is None or answer.has_thoughts)
            if open_turn is None and tells_thought:
                open_turn = len(tokens)
            if answer is None:
                tokens += entry.tokens
                continue
            tokens += assembler.assemble(answer.pieces, with_thoughts=entry.has_thought)
            if not entry.has_thought:
                past.append(index)
        end = len(tokens)
        return Woven(
            (*tokens, *opening),
            end if first_said is None else first_said,
            end if open_turn is None else open_turn,
            tuple(past),
            fits,
        )

    def _split(self, tokens: Sequence[int]) -> list[list[int]]:
        """``tokens`` from each ``<|start|>`` to the next; at least one."""
        segments: list[list[int]] = []
        for token in tokens:
            if token == self._start or not segments:
                segments.append([])
            segments[-1].append(token)
        return segments or [[]]

    def _read(self, segments: Sequence[list[int]]) -> list[_Entry]:
        entries: list[_Entry] = []
        thought: list[int] = []
        for segment in segments:
            role, is_thought = self._read_header(segment)
            if is_thought:
                thought += segment
                continue
            if thought and role != "assistant":
                entries.append(_Entry("", thought))
                thought = []
            entries.append(_Entry(role, thought + segment, has_thought=bool(thought)))
            thought = []
        return [*entries, _Entry("", thought)] if thought else entries

    def _read_header(self, segment: Sequence[int]) -> tuple[str, bool]:
        """Whose message ``segment`` is, and whether it is a thought."""
        head = segment[:_HEADER_TOKENS]
        size = head.index(self._message) if self._message in head else len(head)
        found = _HEADER.match(self._decode(head[:size]))
        if found is None:
            return "", False
        role, rest = found["role"], found["rest"]
        is_thought = role == "assistant" and "analysis" in rest and "to=" not in rest
        return role, is_thought


def _count(message: Message) -> int:
    """How many messages a template writes for ``message`` as the assistant's (``chat``)."""
    if not isinstance(message, AssistantMessage):
        return 0
    return len(message.tool_calls) or int(bool(message.text))
