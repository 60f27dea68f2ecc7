"""``session/set_mode`` and ``session/set_config_option``: what the user chose.

Owns the two methods. Does not own what may be chosen (``options``, ``turn/modes``).
"""

from acp_agent.errors import InvalidParams
from acp_agent.protocol.open_sessions import OpenSessions
from acp_agent.rpc.frames import Json
from acp_agent.rpc.peer import Call
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes


class Choices:
    """Serves the choices of one client's sessions."""

    def __init__(self, sessions: OpenSessions) -> None:
        self._open = sessions

    async def set_mode(self, call: Call) -> Json:
        """``session/set_mode``."""
        from acp_agent.protocol.wire.options import SetSessionModeRequest

        request = SetSessionModeRequest.from_wire(call.params)
        session = self._open.table.get(request.session_id)
        async with session.control:
            modes = await self._open.modes_of(session)
            await self._choose_mode(modes, session, request.mode_id)
            await self._open.tell_options(modes, session)
        return {}

    async def set_config_option(self, call: Call) -> Json:
        """``session/set_config_option``."""
        from acp_agent.protocol.options import config_options
        from acp_agent.protocol.wire.options import (
            SetSessionConfigOptionRequest,
            SetSessionConfigOptionResponse,
        )

        request = SetSessionConfigOptionRequest.from_wire(call.params)
        session = self._open.table.get(request.session_id)
        async with session.control:
            modes = await self._open.modes_of(session)
            value = await _check_choice(modes, session, request.config_id, request.value)
            await self._choose(modes, session, request.config_id, value)
            self._open.note_told(modes, session)
            options = config_options(modes, session)
        return SetSessionConfigOptionResponse(config_options=options).to_wire()

    async def _choose(self, modes: Modes, session: Session, option: str, value: str) -> None:
        from acp_agent.protocol import options
        from acp_agent.protocol.wire.updates import CurrentModeUpdate

        if option == options.MODE:
            await self._choose_mode(modes, session, value)
            await self._open.send(session, CurrentModeUpdate(current_mode_id=value))
        elif option == options.MODEL:
            session.models[session.mode] = value
            session.greeting = None
        elif option == options.PERMISSIONS:
            session.permissions = options.permission_mode(value)
        elif option == options.DELEGATION:
            session.delegation = options.delegation(value)
        elif option == options.THOUGHT_LEVEL:
            session.thought_levels[session.mode] = value
        else:
            session.options.setdefault(session.mode, {})[option] = value

    async def _choose_mode(self, modes: Modes, session: Session, mode: str) -> None:
        if mode not in modes.listing:
            known = ", ".join(modes.listing)
            raise InvalidParams(f"params.modeId: there is no mode {mode!r}; choose one of {known}.")
        await modes.refresh(mode)
        modes.check(mode)
        before, session.mode = session.mode, mode
        session.greeting = None
        modes.pin(session)
        if before != mode:
            (await self._open.ready()).mode_chosen(session, before, mode)


async def _check_choice(modes: Modes, session: Session, option_id: str, value: object) -> str:
    from acp_agent.protocol.options import check_choice

    try:
        return check_choice(modes, session, option_id, value)
    except InvalidParams:
        # A model may have come since, or the server gone: look before refusing.
        await modes.refresh(session.mode)
        modes.check(session.mode)
        return check_choice(modes, session, option_id, value)
