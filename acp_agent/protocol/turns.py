"""Which prompt a session is answering: one at a time, known the moment it arrives.

Owns the rule that a second prompt is refused while one runs, unless that one is being
cancelled already: then the new one waits for its end. Does not own a turn's course.
"""

import anyio

from acp_agent.errors import InvalidRequest
from acp_agent.rpc.frames import Json, JsonObject
from acp_agent.rpc.peer import Call


class Turns:
    """The running prompt of each session, by session id."""

    def __init__(self) -> None:
        self._running: dict[str, Call] = {}
        self._before: dict[Call, anyio.Event] = {}

    def arrive(self, call: Call) -> None:
        """Takes ``call``, a prompt that has just arrived, as its session's turn if it may."""
        session_id: Json = call.params.get("sessionId")
        if not isinstance(session_id, str):
            return
        running = self._running.get(session_id)
        if running is not None:
            if not running.scope.cancel_called:
                return
            self._before[call] = _end_of(running)
        self._running[session_id] = call
        call.on_settled.append(lambda: self._forget(session_id, call))

    def cancel(self, params: JsonObject) -> None:
        """``session/cancel``: stops the session's turn, if there is one."""
        session_id: Json = params.get("sessionId")
        call = self._running.get(session_id) if isinstance(session_id, str) else None
        if call is not None:
            call.scope.cancel()

    async def begin(self, session_id: str, call: Call) -> None:
        """Returns when ``call`` may run.

        Raises:
            InvalidRequest: another prompt of the session runs.
        """
        if self._running.get(session_id) is not call:
            raise InvalidRequest(
                "This session is still answering: wait for it, or stop it with session/cancel."
            )
        if call in self._before:
            await self._before[call].wait()

    async def end(self, session_id: str) -> None:
        """Stops the session's turn, if there is one, and waits until it was answered."""
        while (running := self._running.get(session_id)) is not None:
            ended = _end_of(running)
            running.scope.cancel()
            await ended.wait()

    def _forget(self, session_id: str, call: Call) -> None:
        self._before.pop(call, None)
        if self._running.get(session_id) is call:
            del self._running[session_id]


def _end_of(call: Call) -> anyio.Event:
    ended = anyio.Event()
    call.on_settled.append(ended.set)
    return ended
