"""What answers a turn, and how it is asked.

Owns the choice of backend, model and level, and the one way to a model's stream. Does not
own what the model is told (``turn/request``).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from acp_agent.backends.base import Backend, Event, Model, ModelRequest, Progress, ToolSupport
from acp_agent.errors import BackendError
from acp_agent.sessions.session import Session
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.turn.modes import Modes, Seat

RESULT_LIMIT = 64 * 1024
"""Bytes of one call's text that a model gets where its window is large enough."""

_SMALLEST_RESULT = 1024
_RESULT_SHARE = 0.75
"""Bytes of a result for each token of the window: a quarter of it, as estimates go."""
_SMALL_WINDOW = 16_384
"""Tokens below which a result gets half of that: else every second one makes room."""


@dataclass(slots=True, frozen=True)
class Choice:
    """What answers a turn: the same for all its requests.

    ``temperature`` and ``max_tokens`` are None for the model's own. ``patience`` is how many
    seconds the model may be silent, None for ever; ``patience_setting`` is where the user
    says so; ``counts_waits``: a load or a queue that cannot tell how far it is is silence
    too. ``extra`` are tools beside the session's; one of them may be called by other names
    too (``aliases``, each with the tool's). ``options`` are the values of the model's options.
    """

    backend: Backend
    model: str
    details: Model | None
    level: str | None
    temperature: float | None = None
    max_tokens: int | None = None
    patience: float | None = None
    counts_waits: bool = False
    patience_setting: str = "auto.progress_timeout"
    extra: tuple[RunnableTool, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    def toolbox(self, session: Session) -> Toolbox:
        """The tools that the model is offered in ``session``."""
        return session.toolbox.extended(self.extra, dict(self.aliases))

    @property
    def offer(self) -> str:
        """What tells this offer of tools from others to the same model."""
        return "+".join((self.tools, *(each.tool.name for each in self.extra)))

    @property
    def tools(self) -> ToolSupport:
        """How the model is offered tools."""
        return self.details.tools if self.details is not None else "none"

    @property
    def window(self) -> int | None:
        """The window in tokens, where it is known."""
        return self.details.context_size if self.details is not None else None

    @property
    def label(self) -> str:
        """The model's name in sentences for the user."""
        return self.model.rpartition("/")[2]


Choose = Callable[[], Awaitable[Choice]]
"""Finds out what answers now; may raise as ``choose`` does."""


async def choose(session: Session, modes: Modes, seat: Seat | None = None) -> Choice:
    """What the session's mode (or the mode and model of ``seat``) offers now; its tools'
    results are limited to the window. Of a composed mode, what leads it.

    Raises:
        BackendUnavailable: the mode is not ready.
        BackendError: it has no model.
    """
    mode = session.mode if seat is None else seat.mode
    if mode not in modes.readiness or not modes.readiness[mode].ready:
        await modes.refresh(mode)
    modes.check(mode)
    if seat is None and mode in modes.composed:
        return await choose(session, modes, modes.lead(mode))
    modes.pin(session)
    model = modes.model(session, mode) if seat is None else seat.model
    if model is None:
        raise BackendError(f"Mode {mode} has no model: choose one with the model option.")
    details = modes.details(mode, model)
    choice = Choice(
        modes.backends[mode],
        model,
        details,
        modes.level(session, mode, details),
        options=modes.option_values(session, mode, details.options if details else ()),
    )
    limit_results(session, choice)
    return choice


def without_tools(choice: Choice) -> Choice:
    """``choice`` as it answers where nobody is offered tools."""
    details = None if choice.details is None else replace(choice.details, tools="none")
    return replace(choice, details=details, extra=(), aliases=())


def limit_results(session: Session, choice: Choice) -> None:
    """Limits what tools tell in ``session`` to the window of ``choice``."""
    if session.workspace is not None:
        session.workspace.result_limit = _result_limit(choice.window)


def open_stream(choice: Choice, request: ModelRequest) -> AsyncGenerator[Event, None]:
    """The events of one request; tools are spelled in words where the model needs that.

    Raises:
        BackendError: also where the model was silent for longer than ``choice.patience``.
    """
    if choice.tools == "text":
        from acp_agent.backends.text_tools import stream_with_text_tools

        events = stream_with_text_tools(choice.backend, request)
    else:
        events = choice.backend.stream(request)
    return events if choice.patience is None else _watch(events, choice, choice.patience)


async def _watch(
    events: AsyncGenerator[Event, None], choice: Choice, seconds: float
) -> AsyncGenerator[Event, None]:
    """``events``; ends them where none comes for ``seconds``."""
    is_waiting = False
    async with aclosing(events):
        while True:
            event: Event | None = None
            # Not fail_after: a TimeoutError of the backend's own is none of this.
            with anyio.move_on_after(None if is_waiting else seconds) as silence:
                event = await anext(events, None)
            if silence.cancelled_caught:
                raise BackendError(
                    f"{choice.label} gave no sign of life for {seconds:g} seconds and was given "
                    "up. Send the prompt again, or raise "
                    f"{choice.patience_setting} in the configuration."
                )
            if event is None:
                return
            is_wait = isinstance(event, Progress) and event.is_wait
            is_waiting = is_wait and not choice.counts_waits
            yield event


def _result_limit(window: int | None) -> int:
    if window is None:
        return RESULT_LIMIT
    share = _RESULT_SHARE if window >= _SMALL_WINDOW else _RESULT_SHARE / 2
    return min(RESULT_LIMIT, max(_SMALLEST_RESULT, int(window * share)))
