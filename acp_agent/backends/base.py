"""The backend contract: what every model behind a session mode offers.

Owns the events of a model's stream, the request that starts one, and the two
interfaces (``Backend``, ``Installer``). Does not own any transport to a model, and
knows no ACP: ``protocol/updates`` turns events into session updates.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from acp_agent.conversation import Message, ToolCall

StopReason = Literal["end_turn", "max_tokens", "refusal"]


@dataclass(slots=True)
class ThoughtDelta:
    """A piece of the model's reasoning; whole characters, never empty."""

    text: str


@dataclass(slots=True)
class TextDelta:
    """A piece of the model's answer; whole characters, never empty."""

    text: str


@dataclass(slots=True)
class ToolCallRequested:
    """The model wants a tool run; ``call.arguments`` is complete JSON text."""

    call: ToolCall


@dataclass(slots=True)
class Usage:
    """Token counts of one model request; ``context_size`` is the window in force."""

    input_tokens: int
    output_tokens: int
    context_size: int | None = None


@dataclass(slots=True)
class Progress:
    """How far a long step (load, prefill, download) is.

    ``id`` names the step, unique within the stream; ``done`` and ``total`` are in
    ``unit`` (``B`` bytes, ``tokens``), None where unknown; ``finished`` ends the step.
    """

    id: str
    title: str
    done: int | None = None
    total: int | None = None
    unit: str = ""
    finished: bool = False


@dataclass(slots=True)
class Notice:
    """A sentence for the user that is no part of the answer and not kept as history."""

    text: str


@dataclass(slots=True)
class PlanStep:
    """One step of a plan."""

    text: str
    status: Literal["pending", "in_progress", "completed"] = "pending"


@dataclass(slots=True)
class Plan:
    """The whole plan as it stands now; replaces the one before."""

    steps: tuple[PlanStep, ...]


@dataclass(slots=True)
class Done:
    """The last event of a stream that was not cut off."""

    stop_reason: StopReason = "end_turn"


Event = ThoughtDelta | TextDelta | ToolCallRequested | Usage | Progress | Notice | Plan | Done


@dataclass(slots=True, frozen=True)
class Model:
    """A model that a backend can run now.

    ``context_size`` is the window in tokens that a request would get, None if unknown.
    ``thought_levels`` are the values a user may choose, lowest first (empty: the model
    does not think, or cannot be told how much); ``thought_default`` is one of them.
    """

    id: str
    name: str
    description: str = ""
    context_size: int | None = None
    thought_levels: tuple[str, ...] = ()
    thought_default: str | None = None


@dataclass(slots=True, frozen=True)
class ModelRequest:
    """One request to a model. ``messages`` already fit its window.

    ``prompt`` is what the user said last, as it was said; in ``messages`` it may be joined
    with what stood before it. ``session`` identifies the conversation to backends that
    keep a cache for it.
    ``temperature`` and ``max_tokens`` (of the answer) are None for the model's own.
    """

    messages: Sequence[Message]
    model: str
    prompt: str = ""
    session: str = ""
    thought_level: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(slots=True, frozen=True)
class Readiness:
    """Whether a mode can answer, and in one sentence why not and what to do about it.

    ``ready`` is True also where only the model is missing and the first prompt offers
    to install it (``installed`` False): ``reason`` then says so.
    """

    ready: bool
    reason: str = ""
    installed: bool = True
    models: tuple[Model, ...] = field(default=())
    default_model: str | None = None


class Backend(Protocol):
    """A session mode's models.

    ``id`` is the mode's id, ``name`` its label (ASCII), ``description`` one honest line.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...

    async def probe(self) -> Readiness:
        """Says what can be run now. Never raises for an absent server; bounded in time
        (300 ms for a server that does not answer)."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Runs one model request.

        Yields deltas, then at most one ``Usage``, then exactly one ``Done``. It is pulled:
        nothing is read from the model further ahead than bounded buffers allow.
        Closing the generator, or cancelling the task that awaits it, stops the model.

        Raises:
            ModelNotInstalled: the model is not there (an ``Installer`` may fetch it).
            ContextOverflow: the messages do not fit after all.
            BackendError: anything else, with what to do next.
        """
        ...

    async def aclose(self) -> None:
        """Gives back connections; the backend is not used afterwards."""
        ...


Report = Callable[[Progress], Awaitable[None]]
"""Takes the progress of a long step; may wait."""


@runtime_checkable
class Installer(Protocol):
    """A backend that can fetch a missing model itself."""

    async def install(self, model: str, report: Report) -> None:
        """Fetches ``model``, telling ``report`` how far it is; cancelling stops it.

        Raises:
            BackendError: it could not be fetched, with what to do next.
        """
        ...
