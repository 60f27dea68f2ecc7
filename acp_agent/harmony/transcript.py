"""What a session keeps of its answers, so that prompts repeat them as they were generated.

Owns remembering answers and finding them again in a conversation, by what a client knows
of them: text and tool calls. Does not own putting them into a prompt (``weave``).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from acp_agent.conversation import AssistantMessage, Message, ToolCall
from acp_agent.harmony.header import Kind
from acp_agent.harmony.recorder import Piece, without_thoughts

TOKEN_LIMIT = 262_144
"""Tokens of all answers of a transcript; twice the window of gpt-oss."""

_FORMAT = 1


@dataclass(slots=True, frozen=True)
class Answer:
    """One answer as it was generated; ``fingerprint`` is that of ``fingerprint_of``."""

    fingerprint: str
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Tokens."""
        return sum(len(piece.tokens) for piece in self.pieces)

    @property
    def has_thoughts(self) -> bool:
        """Whether reasoning is in it."""
        return any(piece.kind is Kind.THOUGHT for piece in self.pieces)


class HarmonyTranscript:
    """The answers of a session in order, and the day that its prompts tell.

    Args:
        today: stays the same, so that midnight does not change a prompt's beginning.
    """

    def __init__(self, today: date, answers: Iterable[Answer] = ()) -> None:
        self.today = today
        self._answers = list(answers)
        self._size = sum(answer.size for answer in self._answers)
        self._told: set[str] = set()

    def match(self, messages: Sequence[Message]) -> dict[int, Answer]:
        """The answers that stand in ``messages``, by their index there.

        Both have an order, which is kept: of several equal answers the last stands for
        the last.
        """
        found: dict[int, Answer] = {}
        places = _Places(self._answers)
        for index in range(len(messages) - 1, -1, -1):
            message = messages[index]
            if isinstance(message, AssistantMessage):
                answer = places.last(fingerprint_of(message.text, message.tool_calls))
                if answer is not None:
                    found[index] = answer
        self._told = {answer.fingerprint for answer in found.values()}
        return found

    def add(self, answer: Answer) -> None:
        """Remembers ``answer``, the latest; beyond the limit others are forgotten, those
        first that the last conversation did not have."""
        self._answers.append(answer)
        self._size += answer.size
        self._told.add(answer.fingerprint)
        while self._size > TOKEN_LIMIT:
            others = (n for n, old in enumerate(self._answers) if old.fingerprint not in self._told)
            self._size -= self._answers.pop(next(others, 0)).size

    def forget_thoughts(self, answers: Iterable[Answer]) -> None:
        """Drops the thoughts of ``answers``, which no later prompt tells."""
        done = {id(answer) for answer in answers if answer.has_thoughts}
        if not done:
            return
        self._answers = [
            Answer(answer.fingerprint, without_thoughts(answer.pieces))
            if id(answer) in done
            else answer
            for answer in self._answers
        ]
        self._size = sum(answer.size for answer in self._answers)

    def dump(self) -> str:
        """The transcript as JSON text, for ``load_transcript``."""
        answers = [
            [answer.fingerprint, [[piece.kind.name, piece.tokens] for piece in answer.pieces]]
            for answer in self._answers
        ]
        content = {"format": _FORMAT, "today": self.today.isoformat(), "answers": answers}
        return json.dumps(content, separators=(",", ":"))


def load_transcript(text: str, vocabulary_size: int) -> HarmonyTranscript | None:
    """The transcript in ``text``; None if there is none with tokens of the vocabulary."""
    try:
        content: Any = json.loads(text)
        if content["format"] != _FORMAT:
            return None
        answers = [_read_answer(item, vocabulary_size) for item in content["answers"]]
        return HarmonyTranscript(date.fromisoformat(content["today"]), answers)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None


def fingerprint_of(text: str, calls: Sequence[ToolCall]) -> str:
    """What identifies an answer that said ``text`` and made ``calls``.

    White space around the text does not count, nor how the arguments' JSON is spaced or
    ordered, nor the ids of calls: clients write these anew.
    """
    told = [text.strip(), *([call.name, _normal(call.arguments)] for call in calls)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


class _Places:
    """Answers that are taken from the end."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers
        self._places: dict[str, list[int]] = {}
        for place, answer in enumerate(answers):
            self._places.setdefault(answer.fingerprint, []).append(place)
        self._end = len(answers)

    def last(self, fingerprint: str) -> Answer | None:
        """The last one with ``fingerprint`` before those that were taken."""
        places = self._places.get(fingerprint, [])
        while places and places[-1] >= self._end:
            places.pop()
        if not places:
            return None
        self._end = places.pop()
        return self._answers[self._end]


def _normal(arguments: str) -> Any:
    try:
        return [json.loads(arguments)]
    except (ValueError, RecursionError):
        return arguments.strip()


def _read_answer(item: Any, vocabulary_size: int) -> Answer:
    fingerprint, pieces = item
    if not isinstance(fingerprint, str):
        raise TypeError
    return Answer(fingerprint, tuple(_read_piece(piece, vocabulary_size) for piece in pieces))


def _read_piece(item: Any, vocabulary_size: int) -> Piece:
    kind, tokens = item
    if not tokens:
        raise ValueError
    for token in cast("list[Any]", tokens):
        if type(token) is not int or not 0 <= token < vocabulary_size:
            raise ValueError
    return Piece(Kind[kind], tuple(tokens))
