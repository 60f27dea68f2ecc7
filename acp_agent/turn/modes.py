"""The session modes: which backends there are, which are ready, which comes first.

Owns readiness (asked of all backends at once) and the default mode. Does not own what a
session chose, nor how modes look on the wire.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from acp_agent.backends.base import Backend, Model, ModelOption, Readiness
from acp_agent.errors import BackendUnavailable, InvalidParams
from acp_agent.sessions.session import Session

_log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Seat:
    """Who answers: a backend's mode and one of its models."""

    mode: str
    model: str

    @property
    def name(self) -> str:
        """Both, as logs have it."""
        is_folder = self.model.startswith(("/", "~"))
        return f"{self.mode}/{self.model.rpartition('/')[2] if is_folder else self.model}"


class Composed(Protocol):
    """A mode made of others, its ``parts`` by mode id.

    ``id`` is the mode's id, ``name`` its label (ASCII), ``description`` one honest line.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parts(self) -> Sequence[str]: ...
    @property
    def options(self) -> Sequence[ModelOption]:
        """What the user may choose of it in a session."""
        ...

    def assess(self, readiness: Mapping[str, Readiness]) -> Readiness:
        """What the mode can do, from that of its parts; names no models of its own."""
        ...

    def lead(self, readiness: Mapping[str, Readiness]) -> Seat | None:
        """Who answers by default; None where nobody can."""
        ...


class Listed(Protocol):
    """What the user is told of a mode."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...


class Modes:
    """The modes of this process.

    Args:
        backends: by mode id, in the order they are listed.
        composed: modes made of these; they are listed behind.
        preference: mode ids for a new session, best first; the last is the last resort.
        configured: the user's default mode, None for the best that is ready.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        preference: Sequence[str],
        configured: str | None = None,
        composed: Sequence[Composed] = (),
    ) -> None:
        self.backends = backends
        self.composed = {mode.id: mode for mode in composed}
        self.listing: Mapping[str, Listed] = {**backends, **self.composed}
        self.readiness: dict[str, Readiness] = {}
        self._preference = preference
        self._configured = configured

    async def refresh(self, *modes: str) -> None:
        """Asks the backends of ``modes`` (default: all) at once what they can do now."""
        asked: set[str] = set()
        for mode in modes or tuple(self.listing):
            asked.update(self.composed[mode].parts if mode in self.composed else (mode,))
        async with anyio.create_task_group() as tasks:
            for mode in asked:
                tasks.start_soon(self._ask, mode)
        for mode, composed in self.composed.items():
            if all(part in self.readiness for part in composed.parts):
                self.readiness[mode] = composed.assess(self.readiness)

    async def _ask(self, mode: str) -> None:
        try:
            self.readiness[mode] = await self.backends[mode].probe()
        except Exception:
            # One broken backend must not keep the others from being used.
            _log.exception("the probe of mode %s failed", mode)
            self.readiness[mode] = Readiness(
                False, "it could not be asked; acp-agent's log file has the details."
            )

    def default(self) -> str:
        """The mode of a new session, from the last ``refresh``.

        The configured one, ready or not (it explains itself when it is not); else the
        first of the preference that is ready and has a model, on this machine; else the last
        resort.
        """
        if self._configured is not None and self._configured in self.listing:
            return self._configured
        known = [mode for mode in self._preference if mode in self.listing]
        for mode in known:
            state = self.readiness[mode]
            if state.ready and state.installed and not self._is_elsewhere(mode, state):
                return mode
        return known[-1] if known else next(iter(self.backends))

    def _is_elsewhere(self, mode: str, state: Readiness) -> bool:
        details = self.details(mode, state.default_model)
        return details is not None and details.is_remote

    @property
    def unknown_default(self) -> str | None:
        """The configured default mode if there is no such mode."""
        return self._configured if self._configured not in (None, *self.listing) else None

    def check(self, mode: str) -> None:
        """Raises unless ``mode`` can be chosen, by the last ``refresh``.

        Raises:
            InvalidParams: no such mode.
            BackendUnavailable: it is not ready; the message says what to do.
        """
        if mode not in self.listing:
            raise InvalidParams(
                f"There is no mode {mode!r}: choose one of {', '.join(self.listing)}."
            )
        state = self.readiness[mode]
        if not state.ready:
            raise BackendUnavailable(f"Mode {mode} is not ready: {state.reason}")

    def pin(self, session: Session) -> None:
        """Keeps the model that ``session`` is shown, whatever the backend's default becomes."""
        default = self.readiness[session.mode].default_model
        if default is not None:
            session.models.setdefault(session.mode, default)

    def models(self, session: Session) -> tuple[Model, ...]:
        """The models that ``session`` may choose from in its mode."""
        return self.readiness[session.mode].models

    def model(self, session: Session, mode: str | None = None) -> str | None:
        """The model id in force in ``mode`` (default: the session's): the user's choice, else
        the backend's default. A composed mode has none."""
        mode = mode or session.mode
        return session.models.get(mode) or self.readiness[mode].default_model

    def model_details(self, session: Session) -> Model | None:
        """What is known of the model in force."""
        return self.details(session.mode, self.model(session))

    def details(self, mode: str, model: str | None) -> Model | None:
        """What is known of ``model`` in ``mode``."""
        return next((each for each in self.readiness[mode].models if each.id == model), None)

    def thought_level(self, session: Session) -> str | None:
        """The thought level in force; None for a model that has no levels."""
        return self.level(session, session.mode, self.model_details(session))

    def level(self, session: Session, mode: str, details: Model | None) -> str | None:
        """The level at which ``session`` lets the model with ``details`` think in ``mode``."""
        if details is None or not details.thought_levels:
            return None
        chosen = session.thought_levels.get(mode)
        return chosen if chosen in details.thought_levels else details.thought_default

    def options(self, session: Session) -> Sequence[ModelOption]:
        """What may be chosen in the session's mode beside model and thought level."""
        if session.mode in self.composed:
            return self.composed[session.mode].options
        details = self.model_details(session)
        return () if details is None else details.options

    def option_values(
        self, session: Session, mode: str, options: Sequence[ModelOption]
    ) -> dict[str, str]:
        """The values in force of ``options`` in ``mode``, by id."""
        chosen = session.options.get(mode, {})
        return {
            each.id: chosen[each.id] if chosen.get(each.id) in each.values else each.default
            for each in options
        }

    def lead(self, mode: str) -> Seat:
        """Who answers in the composed ``mode`` by default.

        Raises:
            BackendUnavailable: nobody can.
        """
        seat = self.composed[mode].lead(self.readiness)
        if seat is None:
            raise BackendUnavailable(
                f"Mode {mode} is not ready: {self.composed[mode].assess(self.readiness).reason}"
            )
        return seat

    def describe(self, session: Session) -> list[tuple[str, str]]:
        """What is in force in ``session``, as name and value for the user."""
        state = self.readiness[session.mode]
        rows = [("mode", session.mode), ("state", _name_state(state))]
        if state.reason:
            rows.append(("about it", state.reason))
        if (model := self.model(session)) is not None:
            rows.append(("model", model.rpartition("/")[2]))
        if (level := self.thought_level(session)) is not None:
            rows.append(("thinking", level))
        return rows

    async def aclose(self) -> None:
        """Closes all backends."""
        for backend in self.backends.values():
            await backend.aclose()


def _name_state(state: Readiness) -> str:
    if not state.ready:
        return "unavailable"
    return "ready" if state.installed else "not installed"
