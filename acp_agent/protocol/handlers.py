"""ACP's methods as one table, each with its handler.

Owns the order rules of the protocol: nothing before ``initialize``, one prompt at a time
in a session, cancellation in order of arrival. Does not own a turn's course (``turn/loop``).
Handlers' modules load with the first session, so that ``initialize`` is answered fast.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import anyio

from acp_agent.errors import InvalidParams, InvalidRequest
from acp_agent.protocol.wire.base import WireModel
from acp_agent.rpc.frames import Json, JsonObject, MessageFrame
from acp_agent.rpc.peer import Call, Method, Notified, Peer
from acp_agent.sessions.session import Session, SessionTable
from acp_agent.turn.modes import Modes

CANCELLED: JsonObject = {"stopReason": "cancelled"}


@dataclass(slots=True, frozen=True)
class Loaded:
    """What sessions need, built when the first one starts."""

    modes: Modes
    greeting: Callable[[str], str | None]
    """What to tell the user of a new session that starts in this mode."""


class Handlers:
    """Serves one client. ``load`` builds what sessions need; it may raise ConfigError."""

    def __init__(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        self._load = load
        self._loading = anyio.Lock()
        self._loaded: Loaded | None = None
        self._sessions = SessionTable()
        self._turns: dict[str, Call] = {}
        self._initialized = False
        self._last_initialize: anyio.Event | None = None
        self.peer: Peer

    def methods(self) -> dict[str, Method]:
        """The requests a client may make."""
        return {
            "initialize": Method(self._initialize, self._on_initialize),
            "authenticate": self._gated(self._authenticate),
            "session/new": self._gated(self._new_session),
            "session/set_mode": self._gated(self._set_mode),
            "session/set_config_option": self._gated(self._set_config_option),
            "session/prompt": self._gated(self._prompt, self._on_prompt, CANCELLED),
            "session/close": self._gated(self._close_session),
        }

    def notifications(self) -> dict[str, Notified]:
        """The notifications a client may send."""
        return {"session/cancel": self._on_cancel}

    async def aclose(self) -> None:
        """Gives back what was loaded."""
        if self._loaded is not None:
            await self._loaded.modes.aclose()

    def _gated(
        self,
        handle: Callable[[Call], Awaitable[Json]],
        on_arrival: Callable[[Call], None] | None = None,
        when_cancelled: Json = None,
    ) -> Method:
        behind: dict[Call, anyio.Event] = {}

        def arrived(call: Call) -> None:
            if self._last_initialize is not None:
                behind[call] = self._last_initialize
                call.on_settled.append(lambda: behind.pop(call, None))
            if on_arrival is not None:
                on_arrival(call)

        async def after_initialize(call: Call) -> Json:
            answered = behind.get(call)
            if answered is not None:
                await answered.wait()
            if answered is None or not self._initialized:
                raise InvalidRequest(f"Send initialize first, then {call.method}.")
            return await handle(call)

        return Method(after_initialize, arrived, when_cancelled)

    def _on_initialize(self, call: Call) -> None:
        answered = self._last_initialize = anyio.Event()
        call.on_settled.append(answered.set)

    async def _initialize(self, call: Call) -> Json:
        from acp_agent.protocol.initialize import initialize

        response = initialize(call.params)
        self._initialized = True
        return response

    async def _authenticate(self, call: Call) -> Json:
        from acp_agent.protocol.initialize import authenticate

        return authenticate(call.params)

    async def _new_session(self, call: Call) -> Json:
        from acp_agent.protocol.options import config_options, mode_state
        from acp_agent.protocol.wire.session import NewSessionRequest, NewSessionResponse

        request = NewSessionRequest.from_wire(call.params)
        _check_absolute("params.cwd", request.cwd)
        loaded = await self._ready()
        modes = loaded.modes
        await modes.refresh()
        session = Session(str(uuid4()), request.cwd, modes.default())
        session.greeting = loaded.greeting(session.mode)
        self._sessions.add(session)
        return NewSessionResponse(
            session_id=session.id,
            modes=mode_state(modes, session),
            config_options=config_options(modes, session),
        ).to_wire()

    async def _ready(self) -> Loaded:
        async with self._loading:
            if self._loaded is None:
                self._loaded = await self._load()
            return self._loaded

    async def _set_mode(self, call: Call) -> Json:
        from acp_agent.protocol.wire.options import SetSessionModeRequest

        request = SetSessionModeRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        async with session.control:
            await self._choose_mode(session, request.mode_id)
            await self._tell_options(session)
        return {}

    async def _set_config_option(self, call: Call) -> Json:
        from acp_agent.protocol.options import MODE, MODEL, check_choice, config_options
        from acp_agent.protocol.wire.options import (
            SetSessionConfigOptionRequest,
            SetSessionConfigOptionResponse,
        )
        from acp_agent.protocol.wire.updates import CurrentModeUpdate

        request = SetSessionConfigOptionRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        modes = (await self._ready()).modes
        async with session.control:
            value = check_choice(modes, session, request.config_id, request.value)
            if request.config_id == MODE:
                await self._choose_mode(session, value)
                await self._send(session, CurrentModeUpdate(current_mode_id=value))
            elif request.config_id == MODEL:
                session.models[session.mode] = value
                session.greeting = None
            else:
                session.thought_levels[session.mode] = value
            options = config_options(modes, session)
        return SetSessionConfigOptionResponse(config_options=options).to_wire()

    async def _choose_mode(self, session: Session, mode: str) -> None:
        modes = (await self._ready()).modes
        if mode in modes.backends:
            await modes.refresh(mode)
        modes.check(mode)
        session.mode = mode
        session.greeting = None

    async def _tell_options(self, session: Session) -> None:
        from acp_agent.protocol.options import config_options
        from acp_agent.protocol.wire.updates import ConfigOptionUpdate

        modes = (await self._ready()).modes
        update = ConfigOptionUpdate(config_options=config_options(modes, session))
        await self._send(session, update)

    async def _send(self, session: Session, update: WireModel) -> None:
        from acp_agent.protocol.updates import notification

        await self.peer.send(MessageFrame(notification(session.id, update)))

    def _on_prompt(self, call: Call) -> None:
        session_id: Json = call.params.get("sessionId")
        if isinstance(session_id, str) and session_id not in self._turns:
            self._turns[session_id] = call
            call.on_settled.append(lambda: self._turns.pop(session_id, None))

    def _on_cancel(self, params: JsonObject) -> None:
        session_id: Json = params.get("sessionId")
        call = self._turns.get(session_id) if isinstance(session_id, str) else None
        if call is not None:
            call.scope.cancel()

    async def _prompt(self, call: Call) -> Json:
        from acp_agent.protocol.content import user_message
        from acp_agent.protocol.output import SessionOutput
        from acp_agent.protocol.wire.prompt import PromptRequest, PromptResponse
        from acp_agent.turn.loop import run_turn

        request = PromptRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        if self._turns.get(session.id) is not call:
            raise InvalidRequest(
                "This session is still answering: wait for it, or stop it with session/cancel."
            )
        message = user_message(request.prompt)
        async with session.control:
            modes = (await self._ready()).modes
        output = SessionOutput(self.peer, session.id)
        stop_reason = await run_turn(session, message, modes, output)
        return PromptResponse(stop_reason=stop_reason, meta=output.figures()).to_wire()

    async def _close_session(self, call: Call) -> Json:
        from acp_agent.protocol.wire.session import CloseSessionRequest

        session = self._sessions.get(CloseSessionRequest.from_wire(call.params).session_id)
        self._sessions.remove(session.id)
        turn = self._turns.get(session.id)
        if turn is not None:
            ended = anyio.Event()
            turn.on_settled.append(ended.set)
            turn.scope.cancel()
            await ended.wait()
        return {}


def _check_absolute(field: str, path: str) -> None:
    if not os.path.isabs(path):
        raise InvalidParams(
            f"{field}: {path!r} is not an absolute path; send one that starts at the root."
        )
