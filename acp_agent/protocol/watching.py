"""Telling open sessions what has changed in a mode without their doing.

Owns when backends are watched (while the editor knows of an open session) and whom to tell.
Does not own noticing the change (``backends/base.Watched``) nor the update's shape
(``open_sessions``).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio

from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes

if TYPE_CHECKING:
    from acp_agent.backends.base import Watched
    from acp_agent.rpc.peer import Peer

_log = logging.getLogger(__name__)


class Watching:
    """Watches backends for the sessions of one client.

    Args:
        tell: tells a session's editor what it has not been told yet.
    """

    def __init__(self, tell: Callable[[Modes, Session], Awaitable[None]]) -> None:
        self._tell = tell
        self._sessions: dict[str, Session] = {}
        self._scope: anyio.CancelScope | None = None

    def add(
        self, session: Session, watched: "Mapping[str, Watched]", modes: Modes, peer: "Peer"
    ) -> None:
        """The editor has been told of ``session``. With the first one the watch over ``watched``,
        backends by mode, begins."""
        self._sessions[session.id] = session
        if watched and self._scope is None:
            self._scope = anyio.CancelScope()
            peer.start_soon(partial(self._run, self._scope, watched, modes))

    def remove(self, session: Session) -> None:
        """``session`` is closed. With the last one the watch ends."""
        self._sessions.pop(session.id, None)
        if not self._sessions and self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def _run(
        self, scope: anyio.CancelScope, watched: "Mapping[str, Watched]", modes: Modes
    ) -> None:
        with scope:
            async with anyio.create_task_group() as tasks:
                for mode, backend in watched.items():
                    tasks.start_soon(self._watch, mode, backend, modes)

    async def _watch(self, mode: str, backend: "Watched", modes: Modes) -> None:
        try:
            await backend.watch(partial(self._tell_all, mode, modes))
        except Exception:
            # A backend that cannot be watched can still be used.
            _log.exception("watching mode %s failed", mode)

    async def _tell_all(self, mode: str, modes: Modes) -> None:
        await modes.refresh(mode)
        for session in list(self._sessions.values()):
            # The user may be choosing something just now: that is told first.
            async with session.control:
                if session.id in self._sessions:
                    await self._tell(modes, session)
