"""The backend contract: what every model behind a session mode offers.

Owns the events of a model's stream, the request that starts one, and the three
interfaces (``Backend``, ``Installer``, ``Watched``). Does not own any transport to a model, and
knows no ACP: ``protocol/updates`` turns events into session updates.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from acp_agent.conversation import Message, PlanStep, Tool, ToolCall

StopReason = Literal["end_turn", "max_tokens", "refusal"]

ToolSupport = Literal["native", "text", "none"]


@dataclass(slots=True)
class ThoughtDelta:
    """A piece of the model's reasoning; whole characters, never empty."""

    text: str


@dataclass(slots=True)
class TextDelta:
    """A piece of the model's answer; whole characters, never empty."""

    text: str


@dataclass(slots=True)
class ToolCallStarted:
    """The model begins to call tool ``name``; its arguments are still being written.

    Comes before the ``ToolCallRequested`` of the same id; a call that comes whole has none.
    """

    id: str
    name: str


@dataclass(slots=True)
class ToolCallRequested:
    """The model wants a tool run; ``call.arguments`` is the whole text of them.

    ``fault`` says in a sentence for the model why the call must not run, as when the
    arguments are no JSON object; empty where it may.
    """

    call: ToolCall
    fault: str = ""


@dataclass(slots=True)
class Usage:
    """Token counts of one model request; ``context_size`` is the window in force.

    The rest is None where a backend does not tell. ``cached_tokens`` of the input were not
    computed anew, ``thought_tokens`` of the output were reasoning; waiting for a turn,
    reading the prompt and writing the answer took so many seconds; ``memory_peak`` is the
    model process's, in bytes. ``n_loops`` is how often a recurrent model's block ran a token.
    """

    input_tokens: int
    output_tokens: int
    context_size: int | None = None
    cached_tokens: int | None = None
    thought_tokens: int | None = None
    queue_seconds: float | None = None
    prompt_seconds: float | None = None
    answer_seconds: float | None = None
    memory_peak: int | None = None
    n_loops: int | None = None


@dataclass(slots=True)
class Progress:
    """How far a long step (load, prefill, download) is.

    ``id`` names the step, unique within the stream; ``done`` and ``total`` are in
    ``unit`` (``B`` bytes, ``tokens``), None where unknown; ``finished`` ends the step.
    ``pace`` says how fast it goes and how long it will take, where that is known.
    """

    id: str
    title: str
    done: int | None = None
    total: int | None = None
    unit: str = ""
    finished: bool = False
    pace: str = ""

    @property
    def is_wait(self) -> bool:
        """A step under way that cannot tell how far it is, as a place in a queue or a load:
        the silence that follows says nothing, and its backend has a limit of its own."""
        return not self.finished and self.total is None


@dataclass(slots=True)
class Notice:
    """A sentence for the user that is no part of the answer and not kept as history."""

    text: str


@dataclass(slots=True)
class Plan:
    """The whole plan as it stands now; replaces the one before."""

    steps: tuple[PlanStep, ...]


@dataclass(slots=True)
class Done:
    """The last event of a stream that was not cut off."""

    stop_reason: StopReason = "end_turn"


Event = (
    ThoughtDelta
    | TextDelta
    | ToolCallStarted
    | ToolCallRequested
    | Usage
    | Progress
    | Notice
    | Plan
    | Done
)


@dataclass(slots=True, frozen=True)
class ModelOption:
    """Something beside model and thought level that the user may choose in a session.

    ``id`` is unique within the mode and in snake case, ``name`` its label (ASCII).
    ``values`` are what may be chosen, each with its label; ``default`` is one of them.
    """

    id: str
    name: str
    description: str
    values: Mapping[str, str]
    default: str


@dataclass(slots=True, frozen=True)
class Model:
    """A model that a backend can run now.

    ``context_size`` is the window in tokens that a request would get, None if unknown.
    ``thought_levels`` are the values a user may choose, lowest first (empty: the model
    does not think, or cannot be told how much); ``thought_default`` is one of them.
    ``tools`` says how it can be offered tools: as its server understands them
    (``native``), told in words (``text``), or not at all. ``parameters`` is how many weights
    it has, None if unknown. ``is_remote``: it runs on somebody else's machine, so that
    nothing but the user may choose it. ``options`` are what else may be chosen for it.
    """

    id: str
    name: str
    description: str = ""
    context_size: int | None = None
    thought_levels: tuple[str, ...] = ()
    thought_default: str | None = None
    tools: ToolSupport = "none"
    parameters: int | None = None
    is_remote: bool = False
    options: tuple[ModelOption, ...] = ()


@dataclass(slots=True, frozen=True)
class ModelRequest:
    """One request to a model. ``messages`` already fit its window.

    ``prompt`` is what the user said last, as it was said; in ``messages`` it may be joined
    with what stood before it. ``session`` identifies the conversation to backends that
    keep a cache for it. ``instructions`` and ``tools`` are the same for all requests of a
    session; both are empty for a model that cannot call tools.
    ``temperature`` and ``max_tokens`` (of the answer) are None for the model's own.
    ``response_schema`` is the JSON Schema of an object that the answer is to be: a backend
    holds the model to it where its server can, else ignores it (``backends/structured``).
    ``options`` are the values in force of the model's options, by their ids.
    """

    messages: Sequence[Message]
    model: str
    prompt: str = ""
    session: str = ""
    instructions: str = ""
    tools: Sequence[Tool] = ()
    thought_level: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    response_schema: Mapping[str, Any] | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True, frozen=True)
class Readiness:
    """Whether a mode can answer, and in one sentence why not and what to do about it.

    ``ready`` is True also where only the model is missing and the first prompt offers
    to install it (``installed`` False): ``reason`` then says so. Of a mode that is ready
    and installed it says what its model does now, if that is known.
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

Ask = Callable[[str, str], Awaitable[bool]]
"""``ask(title, detail)``: whether the user allows it. No answer means no."""


@runtime_checkable
class Installer(Protocol):
    """A backend that can fetch a missing model itself."""

    async def install(self, model: str, report: Report, ask: Ask) -> None:
        """Fetches ``model``, telling ``report`` how far it is; cancelling stops it.

        The user has allowed it; ``ask`` is for what only shows then, as a licence's text.

        Raises:
            BackendError: it could not be fetched, with what to do next.
        """
        ...


@runtime_checkable
class Watched(Protocol):
    """A backend whose models come and go by themselves."""

    async def watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Calls ``changed`` when ``probe`` would say something else than it did; runs until it is
        cancelled. Cheap while nothing changes."""
        ...
