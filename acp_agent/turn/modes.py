"""The session modes: which backends there are, which are ready, which comes first.

Owns readiness (asked of all backends at once) and the default mode. Does not own what a
session chose, nor how modes look on the wire.
"""

import logging
from collections.abc import Mapping, Sequence

import anyio

from acp_agent.backends.base import Backend, Model, Readiness
from acp_agent.errors import BackendUnavailable, InvalidParams
from acp_agent.sessions.session import Session

_log = logging.getLogger(__name__)


class Modes:
    """The modes of this process.

    Args:
        backends: by mode id, in the order they are listed.
        preference: mode ids for a new session, best first; the last is the last resort.
        configured: the user's default mode, None for the best that is ready.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        preference: Sequence[str],
        configured: str | None = None,
    ) -> None:
        self.backends = backends
        self.readiness: dict[str, Readiness] = {}
        self._preference = preference
        self._configured = configured

    async def refresh(self, *modes: str) -> None:
        """Asks the backends of ``modes`` (default: all) at once what they can do now."""
        async with anyio.create_task_group() as tasks:
            for mode in modes or tuple(self.backends):
                tasks.start_soon(self._ask, mode)

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
        first of the preference that is ready and has a model; else the last resort.
        """
        if self._configured is not None and self._configured in self.backends:
            return self._configured
        known = [mode for mode in self._preference if mode in self.backends]
        for mode in known:
            state = self.readiness[mode]
            if state.ready and state.installed:
                return mode
        return known[-1] if known else next(iter(self.backends))

    @property
    def unknown_default(self) -> str | None:
        """The configured default mode if there is no such mode."""
        return self._configured if self._configured not in (None, *self.backends) else None

    def check(self, mode: str) -> None:
        """Raises unless ``mode`` can be chosen, by the last ``refresh``.

        Raises:
            InvalidParams: no such mode.
            BackendUnavailable: it is not ready; the message says what to do.
        """
        if mode not in self.backends:
            raise InvalidParams(
                f"There is no mode {mode!r}: choose one of {', '.join(self.backends)}."
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

    def model(self, session: Session) -> str | None:
        """The model id in force: the user's choice, else the backend's default."""
        state = self.readiness[session.mode]
        return session.models.get(session.mode) or state.default_model

    def model_details(self, session: Session) -> Model | None:
        """What is known of the model in force."""
        wanted = self.model(session)
        return next((model for model in self.models(session) if model.id == wanted), None)

    def thought_level(self, session: Session) -> str | None:
        """The thought level in force; None for a model that has no levels."""
        details = self.model_details(session)
        if details is None or not details.thought_levels:
            return None
        chosen = session.thought_levels.get(session.mode)
        return chosen if chosen in details.thought_levels else details.thought_default

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
