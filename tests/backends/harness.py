"""The terms in which the contract suite tells a backend's model what to do.

Owns scripts, the model's side of a stream (``Source``) and the harness that a backend's
test module supplies. Does not own the tests (``contract``).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from acp_agent.backends.base import Backend, Event, ModelRequest, StopReason, TextDelta

FLOOD_COUNT, FLOOD_SIZE = 2000, 8192


@dataclass(slots=True, frozen=True)
class Say:
    """The model produces this piece of the answer."""

    text: str


@dataclass(slots=True, frozen=True)
class Think:
    """The model produces this piece of reasoning."""

    text: str


@dataclass(slots=True, frozen=True)
class Hang:
    """The model produces nothing more until it is stopped."""


@dataclass(slots=True, frozen=True)
class Fail:
    """The model fails here."""

    message: str = "the runner has stopped"


@dataclass(slots=True, frozen=True)
class Flood:
    """The model produces ``count`` pieces of ``size`` bytes as fast as they are taken."""

    count: int = FLOOD_COUNT
    size: int = FLOOD_SIZE


Step = Say | Think | Hang | Fail | Flood


@dataclass(slots=True, frozen=True)
class Script:
    """What the model does in one stream.

    ``usage`` are the tokens it counts (prompt, answer). ``split`` asks for the transport
    to be cut into pieces of one byte, where there is a transport.
    """

    steps: tuple[Step, ...] = ()
    stop_reason: StopReason = "end_turn"
    usage: tuple[int, int] | None = None
    split: bool = False


class Source(Protocol):
    """The model's side of one stream."""

    def has_started(self) -> bool:
        """Whether the request has reached the model."""
        ...

    async def wait_started(self) -> None:
        """Returns once the request has reached the model."""
        ...

    async def wait_stopped(self) -> None:
        """Returns once the model makes nothing more: it ended, or noticed the cancel."""
        ...

    async def settled(self) -> int:
        """Waits until the model makes no progress because nobody reads.

        Returns:
            the bytes of answer it has produced so far.
        """
        ...


@dataclass(slots=True, frozen=True)
class Prepared:
    """A request that will play a script. ``text`` is the whole answer that is expected."""

    request: ModelRequest
    source: Source
    text: str


class BackendHarness(Protocol):
    """A backend with a model that does as told.

    ``stop_reasons`` are those that the model can end with, ``thinks`` says whether it can
    produce thoughts, ``read_ahead`` bounds in bytes what it may produce unread.
    """

    @property
    def backend(self) -> Backend: ...
    @property
    def stop_reasons(self) -> frozenset[StopReason]: ...
    @property
    def thinks(self) -> bool: ...
    @property
    def read_ahead(self) -> int: ...

    def prepare(self, script: Script) -> Prepared:
        """A request of its own for ``script``. May skip the test (``pytest.skip``)."""
        ...


def piece(index: int, size: int) -> str:
    """The piece ``index`` of a flood: ``size`` ASCII bytes that tell their place."""
    return f"{index:08d}".ljust(size, "-")


def expected_text(script: Script) -> str:
    """The answer that ``script`` makes, for harnesses that play it to the letter."""
    parts: list[str] = []
    for step in script.steps:
        if isinstance(step, Say):
            parts.append(step.text)
        elif isinstance(step, Flood):
            parts += [piece(index, step.size) for index in range(step.count)]
    return "".join(parts)


async def collect(
    stream: AsyncGenerator[Event, None], events: list[Event] | None = None
) -> list[Event]:
    """All events of ``stream``; in ``events`` those that came, should it end early."""
    collected: list[Event] = [] if events is None else events
    async with aclosing(stream):
        async for event in stream:
            collected.append(event)
    return collected


def text_of(events: list[Event]) -> str:
    """The answer in ``events``."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def next_text(stream: AsyncGenerator[Event, None]) -> str:
    """The next piece of the answer."""
    async for event in stream:
        if isinstance(event, TextDelta):
            return event.text
    raise AssertionError("the stream ended before the text")


async def never_ask(title: str, detail: str) -> bool:
    """An ``Ask`` for installations that need no further answer."""
    raise AssertionError(f"asked: {title}")
