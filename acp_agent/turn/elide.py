"""What of a conversation a model is no longer told; pure.

Owns applying an elision and planning the next one: old tool outputs go first, then the
oldest messages, then parts of the newest outputs. Does not own when room is needed, nor
the summary (``turn/compact``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acp_agent.conversation import (
    AssistantMessage,
    Message,
    ToolResult,
    UserMessage,
    estimate_text,
    estimate_tokens,
    text_of,
)
from acp_agent.sessions.context import Elision
from acp_agent.turn.results import cap

_STUB = "[{size} bytes of output are left out here to save room. Call {name} again if needed.]"

_WORTH = 3
"""Outputs are shortened that cost so many times what stands in their place."""

_LEAST = 100
"""Tokens that a shortened output of the newest round keeps at least."""

_MARK = 120
"""Bytes that a cut costs: the line that says what is missing."""


@dataclass(slots=True, frozen=True)
class Room:
    """What there is room for: ``tokens`` for the messages, ``summary`` of them for a summary
    where messages are dropped. Without tools calls and results cost nothing."""

    tokens: int
    summary: int = 0
    with_tools: bool = True


def elide(messages: Sequence[Message], elision: Elision, preamble: str = "") -> list[Message]:
    """``messages`` without what is elided; ``preamble`` and summary before the first."""
    told = [_shorten(messages, index, elision) for index in range(elision.start, len(messages))]
    if elision.pinned is not None:
        told.insert(0, messages[elision.pinned])
    opening = "\n\n".join(part for part in (preamble, elision.summary) if part)
    if not opening:
        return told
    if told and isinstance(told[0], UserMessage):
        told[0] = replace(told[0], text=f"{opening}\n\n{told[0].text}")
    else:
        told.insert(0, UserMessage(opening))
    return told


def cost(messages: Sequence[Message], elision: Elision, *, with_tools: bool = True) -> int:
    """An upper-side estimate of what is told of ``messages``."""
    told = elide(messages, elision)
    return sum(estimate_tokens(message, with_tools=with_tools) for message in told)


def last_prompt(messages: Sequence[Message]) -> int | None:
    """The index of the user's last message."""
    indices = range(len(messages) - 1, -1, -1)
    return next((index for index in indices if isinstance(messages[index], UserMessage)), None)


def plan(messages: Sequence[Message], elision: Elision, room: Room) -> Elision:
    """The elision after ``elision`` by which ``messages`` fit into ``room``.

    The last prompt and the newest round of its turn are kept, calls and their results
    stay together. Where even that is too much, the newest results are shortened; a prompt
    that is too long by itself stays so. The summary is the one of ``elision``: where messages
    are dropped, ``room`` says what a new one may cost.
    """
    return _Planner(messages, elision, room).plan()


def shorten_old(messages: Sequence[Message], elision: Elision, room: Room) -> Elision:
    """The elision after ``elision`` with as little of old tool outputs as ``room`` asks for;
    no message is dropped for it."""
    return _Planner(messages, elision, room).shorten_old()


class _Planner:
    def __init__(self, messages: Sequence[Message], elision: Elision, room: Room) -> None:
        self._messages = messages
        self._elision = elision
        self._room = room
        self._prompt = last_prompt(messages)
        self._starts = self._find_starts()
        self._stubs = dict(elision.shortened)
        self._tails = self._count_tails()

    def plan(self) -> Elision:
        if self._is_fitting(self._elision.start):
            return self._elision
        self._stub_old()
        for start in self._starts:
            if self._is_fitting(start):
                return self._elide_from(start)
        newest = self._starts[-1]
        self._shorten_newest(newest)
        return self._elide_from(newest)

    def shorten_old(self) -> Elision:
        if self._is_fitting(self._elision.start):
            return self._elision
        self._stub_old()
        return self._elide_from(self._elision.start)

    def _find_starts(self) -> list[int]:
        """Where what is told may begin: as now, at a prompt, at a later answer of the last turn."""
        prompt = self._prompt if self._prompt is not None else len(self._messages)
        later = [
            index
            for index in range(self._elision.start + 1, len(self._messages))
            if isinstance(self._messages[index], UserMessage)
            or (index > prompt + 1 and isinstance(self._messages[index], AssistantMessage))
        ]
        return [self._elision.start, *later]

    def _count_tails(self) -> dict[int, int]:
        """What is told from each start on, by itself."""
        tails: dict[int, int] = {}
        total, end = 0, len(self._messages)
        for start in reversed(self._starts):
            total += sum(self._cost(index) for index in range(start, end))
            tails[start], end = total, start
        return tails

    def _cost(self, index: int) -> int:
        message = self._messages[index]
        if index in self._stubs and isinstance(message, ToolResult):
            message = replace(message, text=self._stubs[index])
        return estimate_tokens(message, with_tools=self._room.with_tools)

    def _pinned(self, start: int) -> int | None:
        if start == self._elision.start:
            return self._elision.pinned
        return self._prompt if self._prompt is not None and self._prompt < start else None

    def _overhead(self, start: int) -> int:
        """What stands before the messages from ``start`` on."""
        pinned = self._pinned(start)
        summary = estimate_text(self._elision.summary)
        if start > self._elision.start:
            summary = max(summary, self._room.summary)
        return summary + (0 if pinned is None else self._cost(pinned))

    def _is_fitting(self, start: int) -> bool:
        return self._overhead(start) + self._tails[start] <= self._room.tokens

    def _stub_old(self) -> None:
        """Shortens the outputs before those messages that make up half of the room."""
        left = self._room.tokens // 2
        recent = len(self._messages)
        while recent > self._elision.start and left >= self._cost(recent - 1):
            recent -= 1
            left -= self._cost(recent)
        for index in range(self._elision.start, min(recent, self._starts[-1])):
            message = self._messages[index]
            if not isinstance(message, ToolResult):
                continue
            stub = _STUB.format(
                size=len(message.text.encode("utf-8", "replace")), name=message.name
            )
            if self._cost(index) > _WORTH * estimate_text(stub):
                self._stubs[index] = stub
        self._tails = self._count_tails()

    def _shorten_newest(self, start: int) -> None:
        """Cuts the results from ``start`` on so that all fits, the longest first."""
        results = {
            index: message
            for index in range(start, len(self._messages))
            if isinstance(message := self._messages[index], ToolResult)
        }
        costs = {index: self._cost(index) for index in results}
        spare = self._room.tokens - self._overhead(start) - self._tails[start]
        share = _share(spare + sum(costs.values()), list(costs.values()))
        for index, message in results.items():
            if costs[index] > share:
                self._stubs[index] = cap(message.text, text_of(share) - _MARK)

    def _elide_from(self, start: int) -> Elision:
        elision = Elision(
            start,
            self._pinned(start),
            self._elision.summary,
            {index: text for index, text in self._stubs.items() if index >= start},
        )
        if elision.reach < 0:
            return elision
        return replace(elision, newest=self._messages[elision.reach])


def _share(tokens: int, costs: Sequence[int]) -> int:
    """The most that each may cost so that all together cost ``tokens``."""
    left, share = tokens, 0
    for count, each in zip(range(len(costs), 0, -1), sorted(costs), strict=True):
        share = left // count
        if each > share:
            break
        left -= each
    return max(share, _LEAST)


def _shorten(messages: Sequence[Message], index: int, elision: Elision) -> Message:
    message = messages[index]
    if index in elision.shortened and isinstance(message, ToolResult):
        return replace(message, text=elision.shortened[index])
    return message
