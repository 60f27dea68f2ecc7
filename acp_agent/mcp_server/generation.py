"""One model's answer to one call: pulled to its end, or given up.

Owns the time limit and what has arrived so far. Does not own which model (``answerers``),
nor what the client is told of the end (``results``).
"""

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Notice,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.errors import BackendError
from acp_agent.mcp_server.answerers import Chosen
from acp_agent.mcp_server.progress import ProgressTeller


class Stalled(BackendError):
    """The model gave no sign of life for too long."""


@dataclass(slots=True)
class Generation:
    """What has arrived of an answer. Times are in seconds since the call began;
    ``stop_reason`` is None until the model ended by itself. ``is_waiting``: for
    others or a load (``Progress.is_wait``), which may take any time."""

    began: float
    pieces: list[str] = field(default_factory=list[str])
    first_token_seconds: float | None = None
    usage: Usage | None = None
    stop_reason: StopReason | None = None
    is_waiting: bool = False

    @property
    def text(self) -> str:
        """The answer so far, without thoughts."""
        return "".join(self.pieces)

    @property
    def has_begun(self) -> bool:
        """Whether the model has said or thought anything."""
        return self.first_token_seconds is not None


async def generate(
    chosen: Chosen,
    request: ModelRequest,
    generation: Generation,
    teller: ProgressTeller,
    time_limit: float,
) -> None:
    """Fills ``generation`` with the answer to ``request``. A cancel stops the model.

    Raises:
        Stalled: nothing came for ``time_limit`` seconds, waits not counted.
        BackendError: as ``Backend.stream``.
    """
    async with aclosing(chosen.backend.stream(request)) as events:
        limit = time_limit
        while (event := await _next_event(events, chosen, limit)) is not None:
            await _take(event, generation, teller)
            limit = math.inf if generation.is_waiting else time_limit
    if generation.stop_reason is None:
        raise BackendError(f"The answer of {chosen.name} broke off. Try again.")


async def _next_event(
    events: AsyncGenerator[Event, None], chosen: Chosen, time_limit: float
) -> Event | None:
    with anyio.move_on_after(time_limit):
        return await anext(events, None)
    raise Stalled(
        f"{chosen.name} gave no sign of life for {time_limit:g} seconds and was stopped. "
        "Try again, or allow more with `auto.progress_timeout`."
    )


async def _take(event: Event, generation: Generation, teller: ProgressTeller) -> None:
    match event:
        case TextDelta() | ThoughtDelta():
            if generation.first_token_seconds is None:
                generation.first_token_seconds = anyio.current_time() - generation.began
            if isinstance(event, TextDelta):
                generation.pieces.append(event.text)
                await teller.tell_text(event.text)
            else:
                await teller.tell_thought()
        case Progress():
            generation.is_waiting = event.is_wait
            await teller.tell_phase(event)
        case Notice():
            await teller.tell(event.text)
        case Usage():
            generation.usage = event
        case Done():
            generation.stop_reason = event.stop_reason
        case _:
            # It was given no tools: a call that it writes all the same leads nowhere.
            return
