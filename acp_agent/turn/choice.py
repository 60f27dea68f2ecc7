"""What answers a turn, and how it is asked.

Owns the choice of backend, model and level, and the one way to a model's stream. Does not
own what the model is told (``turn/request``).
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from acp_agent.backends.base import Backend, Event, Model, ModelRequest, ToolSupport
from acp_agent.errors import BackendError
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes

RESULT_LIMIT = 64 * 1024
"""Bytes of one call's text that a model gets where its window is large enough."""

_SMALLEST_RESULT = 1024
_RESULT_SHARE = 0.75
"""Bytes of a result for each token of the window: a quarter of it, as estimates go."""
_SMALL_WINDOW = 16_384
"""Tokens below which a result gets half of that: else every second one makes room."""


@dataclass(slots=True, frozen=True)
class Choice:
    """What answers a turn: the same for all its requests."""

    backend: Backend
    model: str
    details: Model | None
    level: str | None

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


async def choose(session: Session, modes: Modes) -> Choice:
    """What the session's mode offers now; its tools' results are limited to the window.

    Raises:
        BackendUnavailable: the mode is not ready.
        BackendError: it has no model.
    """
    if session.mode not in modes.readiness or not modes.readiness[session.mode].ready:
        await modes.refresh(session.mode)
    modes.check(session.mode)
    modes.pin(session)
    model = modes.model(session)
    if model is None:
        raise BackendError(f"Mode {session.mode} has no model: choose one with the model option.")
    backend = modes.backends[session.mode]
    choice = Choice(backend, model, modes.model_details(session), modes.thought_level(session))
    if session.workspace is not None:
        session.workspace.result_limit = _result_limit(choice.window)
    return choice


def open_stream(choice: Choice, request: ModelRequest) -> AsyncGenerator[Event, None]:
    """The events of one request; tools are spelled in words where the model needs that."""
    if choice.tools == "text":
        from acp_agent.backends.text_tools import stream_with_text_tools

        return stream_with_text_tools(choice.backend, request)
    return choice.backend.stream(request)


def _result_limit(window: int | None) -> int:
    if window is None:
        return RESULT_LIMIT
    share = _RESULT_SHARE if window >= _SMALL_WINDOW else _RESULT_SHARE / 2
    return min(RESULT_LIMIT, max(_SMALLEST_RESULT, int(window * share)))
