"""The methods of a session: open, choose, prompt, close.

Owns a session's requests in their order of arrival and keeping the editor's selectors
true. Does not own a turn's course (``turn/loop``) or which turn runs (``turns``).
What sessions need is imported with the first one, so that ``initialize`` is answered fast.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from acp_agent.errors import AgentError, InvalidParams
from acp_agent.protocol.turns import Turns
from acp_agent.protocol.wire.base import WireModel
from acp_agent.rpc.frames import Json, JsonObject, MessageFrame
from acp_agent.rpc.peer import Call, Peer
from acp_agent.sessions.session import Session, SessionTable
from acp_agent.turn.modes import Modes

if TYPE_CHECKING:
    from acp_agent.conversation import UserMessage
    from acp_agent.protocol.wire.prompt import PromptResponse
    from acp_agent.telemetry.turns import TurnRecord
    from acp_agent.tools.base import Toolbox


@dataclass(slots=True, frozen=True)
class Loaded:
    """What sessions need, built when the first one starts."""

    modes: Modes
    greeting: Callable[[str], str | None]
    """What to tell the user of a new session that starts in this mode."""
    toolbox: "Toolbox"
    """What models with tools are offered."""
    status: Callable[[Session], Awaitable[str]]
    """The answer to ``/status``."""
    record: "Callable[[TurnRecord], None]"
    """Keeps a turn's figures; does not wait."""
    forget: Callable[[str], Awaitable[None]]
    """Drops what is kept outside this process for a session, by its id; never raises."""


class SessionHandlers:
    """Serves the sessions of one client.

    Args:
        load: builds what sessions need; may raise ConfigError, and is tried again then.
    """

    def __init__(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        self.turns = Turns()
        self.peer: Peer
        self._load = load
        self._loading = anyio.Lock()
        self._loaded: Loaded | None = None
        self._sessions = SessionTable()
        self._told: dict[str, JsonObject] = {}

    async def aclose(self) -> None:
        """Gives back what was loaded."""
        if self._loaded is not None:
            await self._loaded.modes.aclose()

    async def new(self, call: Call) -> Json:
        """``session/new``."""
        from acp_agent.protocol.options import config_options, mode_state
        from acp_agent.protocol.wire.session import NewSessionRequest, NewSessionResponse

        request = NewSessionRequest.from_wire(call.params)
        _check_absolute("params.cwd", request.cwd)
        loaded = await self._ready()
        modes = loaded.modes
        await modes.refresh()
        session = Session(str(uuid4()), request.cwd, modes.default())
        session.greeting = loaded.greeting(session.mode)
        modes.pin(session)
        self._sessions.add(session)
        self._told[session.id] = self._options_update(modes, session).to_wire()
        # Not before the response: editors do not know the session until then.
        call.on_settled.append(lambda: self.peer.start_soon(partial(self._tell_commands, session)))
        return NewSessionResponse(
            session_id=session.id,
            modes=mode_state(modes, session),
            config_options=config_options(modes, session),
        ).to_wire()

    async def set_mode(self, call: Call) -> Json:
        """``session/set_mode``."""
        from acp_agent.protocol.wire.options import SetSessionModeRequest

        request = SetSessionModeRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        async with session.control:
            modes = await self._modes_of(session)
            await self._choose_mode(modes, session, request.mode_id)
            await self._tell_options(modes, session)
        return {}

    async def set_config_option(self, call: Call) -> Json:
        """``session/set_config_option``."""
        from acp_agent.protocol.options import MODE, MODEL, config_options
        from acp_agent.protocol.wire.options import (
            SetSessionConfigOptionRequest,
            SetSessionConfigOptionResponse,
        )
        from acp_agent.protocol.wire.updates import CurrentModeUpdate

        request = SetSessionConfigOptionRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        async with session.control:
            modes = await self._modes_of(session)
            value = await self._check_choice(modes, session, request.config_id, request.value)
            if request.config_id == MODE:
                await self._choose_mode(modes, session, value)
                await self._send(session, CurrentModeUpdate(current_mode_id=value))
            elif request.config_id == MODEL:
                session.models[session.mode] = value
                session.greeting = None
            else:
                session.thought_levels[session.mode] = value
            self._told[session.id] = self._options_update(modes, session).to_wire()
            options = config_options(modes, session)
        return SetSessionConfigOptionResponse(config_options=options).to_wire()

    async def prompt(self, call: Call) -> Json:
        """``session/prompt``."""
        from acp_agent.protocol.commands import find_command
        from acp_agent.protocol.content import user_message
        from acp_agent.protocol.wire.prompt import PromptRequest, PromptResponse

        request = PromptRequest.from_wire(call.params)
        session = self._sessions.get(request.session_id)
        message = user_message(request.prompt)
        await self.turns.begin(session.id, call)
        async with session.control:
            modes = await self._modes_of(session)
        call.on_settled.append(lambda: self.peer.start_soon(partial(self._look_again, session)))
        if find_command(message.text) is not None:
            await self._answer_status(session)
            return PromptResponse(stop_reason="end_turn").to_wire()
        try:
            response = await self._run_turn(call, modes, session, message)
        except AgentError:
            await self._tell_changes(modes, session)
            raise
        await self._tell_changes(modes, session)
        return response.to_wire()

    async def _run_turn(
        self, call: Call, modes: Modes, session: Session, message: "UserMessage"
    ) -> "PromptResponse":
        """One turn; its figures are kept and go with its answer, however it ends."""
        from acp_agent.protocol.output import SessionOutput
        from acp_agent.protocol.wire.prompt import PromptResponse
        from acp_agent.turn.loop import run_turn
        from acp_agent.turn.meter import Meter

        loaded = await self._ready()
        meter = Meter()
        output = SessionOutput(self.peer, session.id)
        try:
            end = await run_turn(session, message, modes, output, loaded.toolbox, meter)
        except BaseException as error:
            cancelled = isinstance(error, anyio.get_cancelled_exc_class())
            meta = _keep(meter.record(None, cancelled=cancelled), loaded)
            call.when_cancelled = PromptResponse(stop_reason="cancelled", meta=meta).to_wire()
            raise
        meta = _keep(meter.record(end), loaded)
        return PromptResponse(stop_reason=end, meta=meta)

    async def _look_again(self, session: Session) -> None:
        """After a turn: what the session's mode can do may have changed with it."""
        loaded = await self._ready()
        await loaded.modes.refresh(session.mode)
        if self._told.get(session.id) is not None:
            await self._tell_changes(loaded.modes, session)

    async def _answer_status(self, session: Session) -> None:
        from acp_agent.backends.base import TextDelta
        from acp_agent.protocol.output import SessionOutput

        loaded = await self._ready()
        output = SessionOutput(self.peer, session.id)
        await output.emit(TextDelta(await loaded.status(session)))

    async def _tell_commands(self, session: Session) -> None:
        from acp_agent.protocol.commands import commands_update

        await self._send(session, commands_update())

    async def close(self, call: Call) -> Json:
        """``session/close``."""
        from acp_agent.protocol.wire.session import CloseSessionRequest

        session = self._sessions.get(CloseSessionRequest.from_wire(call.params).session_id)
        async with session.control:
            await self.turns.end(session.id)
            self._sessions.remove(session.id)
            self._told.pop(session.id, None)
            await (await self._ready()).forget(session.id)
        return {}

    async def _ready(self) -> Loaded:
        async with self._loading:
            if self._loaded is None:
                self._loaded = await self._load()
            return self._loaded

    async def _modes_of(self, session: Session) -> Modes:
        """The modes, for a session that is still open.

        Raises:
            ResourceNotFound: it was closed while the caller waited for its turn.
        """
        self._sessions.get(session.id)
        return (await self._ready()).modes

    async def _check_choice(
        self, modes: Modes, session: Session, option_id: str, value: object
    ) -> str:
        from acp_agent.protocol.options import check_choice

        try:
            return check_choice(modes, session, option_id, value)
        except InvalidParams:
            # A model may have come since, or the server gone: look before refusing.
            await modes.refresh(session.mode)
            modes.check(session.mode)
            return check_choice(modes, session, option_id, value)

    async def _choose_mode(self, modes: Modes, session: Session, mode: str) -> None:
        if mode not in modes.backends:
            known = ", ".join(modes.backends)
            raise InvalidParams(f"params.modeId: there is no mode {mode!r}; choose one of {known}.")
        await modes.refresh(mode)
        modes.check(mode)
        session.mode = mode
        session.greeting = None
        modes.pin(session)

    async def _tell_options(self, modes: Modes, session: Session) -> None:
        update = self._options_update(modes, session)
        self._told[session.id] = update.to_wire()
        await self._send(session, update)

    async def _tell_changes(self, modes: Modes, session: Session) -> None:
        """Tells the options where they are no longer what the editor was told."""
        if self._told.get(session.id) != self._options_update(modes, session).to_wire():
            await self._tell_options(modes, session)

    def _options_update(self, modes: Modes, session: Session) -> WireModel:
        from acp_agent.protocol.options import config_options
        from acp_agent.protocol.wire.updates import ConfigOptionUpdate

        return ConfigOptionUpdate(config_options=config_options(modes, session))

    async def _send(self, session: Session, update: WireModel) -> None:
        from acp_agent.protocol.updates import notification

        await self.peer.send(MessageFrame(notification(session.id, update)))


def _keep(record: "TurnRecord | None", loaded: Loaded) -> dict[str, object] | None:
    """Keeps the figures of a turn; as ``_meta`` of its answer, None where there are none."""
    from acp_agent.telemetry.turns import as_meta

    if record is None:
        return None
    loaded.record(record)
    return {"acp-agent": as_meta(record)}


def _check_absolute(field: str, path: str) -> None:
    if not os.path.isabs(path):
        raise InvalidParams(
            f"{field}: {path!r} is not an absolute path; send one that starts at the root."
        )
