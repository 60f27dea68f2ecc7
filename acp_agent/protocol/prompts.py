"""``session/prompt``: one prompt, answered by a command of our own or by a turn.

Owns what stands around a turn: waiting for MCP servers, reading linked files, commands,
the figures that go with the answer. Does not own the turn (``turn/loop``), the commands
(``turn/commands``) nor which turn runs (``turns``).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.errors import AgentError
from acp_agent.protocol.open_sessions import Loaded, OpenSessions
from acp_agent.protocol.turns import Turns
from acp_agent.rpc.frames import Json
from acp_agent.rpc.peer import Call
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes

if TYPE_CHECKING:
    from acp_agent.conversation import UserMessage
    from acp_agent.protocol.output import SessionOutput
    from acp_agent.protocol.wire.prompt import PromptResponse
    from acp_agent.telemetry.turns import TurnRecord
    from acp_agent.tools.mcp.servers import McpServers
    from acp_agent.turn.loop import TurnEnd
    from acp_agent.turn.meter import Meter


PATIENCE_SECONDS = 1.0
"""How long MCP servers may take to start before the user is told what is waited for."""

_PANEL = "panel"
"""The mode in which several candidates answer."""


class Prompts:
    """Serves the prompts of one client's sessions."""

    def __init__(self, sessions: OpenSessions, turns: Turns) -> None:
        self._open = sessions
        self._turns = turns

    async def prompt(self, call: Call) -> Json:
        """``session/prompt``."""
        from acp_agent.protocol.content import read_prompt, user_message
        from acp_agent.protocol.wire.prompt import PromptRequest, PromptResponse

        request = PromptRequest.from_wire(call.params)
        session = self._open.table.get(request.session_id)
        user_message(request.prompt)  # what cannot be taken is refused before it waits
        await self._turns.begin(session.id, call)
        async with session.control:
            modes = await self._open.modes_of(session)
        call.on_settled.append(
            lambda: self._open.peer.start_soon(partial(self._look_again, session))
        )
        loaded = await self._open.ready()
        if loaded.auto is not None:
            forget = loaded.auto.forget_ended
            call.on_settled.append(lambda: self._open.peer.start_soon(forget))
        output = self._output(session)
        try:
            message = await read_prompt(request.prompt, session.workspace)
            await self._wait_for_servers(session, output)
            prompt = await self._answer_command(session, message, output)
            if prompt is None:
                response = PromptResponse(stop_reason="end_turn")
            else:
                response = await self._run_turn(call, modes, session, prompt, output)
        except AgentError:
            await self._open.tell_changes(modes, session)
            raise
        await self._open.tell_changes(modes, session)
        return response.to_wire()

    def _output(self, session: Session) -> "SessionOutput":
        from acp_agent.protocol.output import SessionOutput

        has_forms = self._open.abilities.forms
        return SessionOutput(self._open.peer, session.id, has_forms=has_forms)

    async def _wait_for_servers(self, session: Session, output: "SessionOutput") -> None:
        """The first prompt waits for MCP servers, and says which did not come."""
        from acp_agent.backends.base import Notice

        servers = self._open.servers.get(session.id)
        if servers is None:
            return
        await _show_start(servers, output)
        session.toolbox = (await self._open.ready()).toolbox.extended(servers.tools)
        if session.id not in self._open.told_problems:
            for problem in servers.problems:
                await output.emit(Notice(problem))
            self._open.told_problems.add(session.id)

    async def _answer_command(
        self, session: Session, message: "UserMessage", output: "SessionOutput"
    ) -> "UserMessage | None":
        """What is left for the model of ``message``; None if a command answered it."""
        from acp_agent.protocol.commands import find_command
        from acp_agent.turn.commands.answer import answer_command

        servers = self._open.servers.get(session.id)
        found = find_command(message.text, servers.prompts if servers else ())
        if found is None:
            return message
        services = (await self._open.ready()).services
        return await answer_command(found.name, found.argument, session, services, output, servers)

    async def _run_turn(
        self,
        call: Call,
        modes: Modes,
        session: Session,
        message: "UserMessage",
        output: "SessionOutput",
    ) -> "PromptResponse":
        """One turn; its figures are kept and go with its answer, however it ends."""
        from acp_agent.protocol.wire.prompt import PromptResponse
        from acp_agent.turn.meter import Meter

        loaded = await self._open.ready()
        meter = Meter()
        try:
            end = await _answer(session, message, modes, output, meter, loaded)
        except BaseException as error:
            cancelled = isinstance(error, anyio.get_cancelled_exc_class())
            meta = _keep(meter.record(None, cancelled=cancelled), loaded)
            call.when_cancelled = PromptResponse(stop_reason="cancelled", meta=meta).to_wire()
            raise
        meta = _keep(meter.record(end), loaded)
        return PromptResponse(stop_reason=end, meta=meta)

    async def _look_again(self, session: Session) -> None:
        """After a turn: what the session's mode can do may have changed with it."""
        modes = (await self._open.ready()).modes
        await modes.refresh(session.mode)
        await self._open.tell_changes(modes, session)


async def _answer(
    session: Session,
    message: "UserMessage",
    modes: Modes,
    output: "SessionOutput",
    meter: "Meter",
    loaded: Loaded,
) -> "TurnEnd":
    """A turn in the session's mode."""
    # The first import takes some 80 ms, in which other sessions go on.
    if session.mode == _PANEL and loaded.panel is not None:
        answer_panel = await anyio.to_thread.run_sync(_load_panel)
        return await answer_panel(session, message, modes, output, meter, loaded.panel)
    if session.mode in modes.composed and loaded.auto is not None:
        answer_auto = await anyio.to_thread.run_sync(_load_auto)
        return await answer_auto(session, message, modes, output, meter, loaded.auto)
    from acp_agent.turn.loop import run_turn

    return await run_turn(session, message, modes, output, meter)


def _load_auto() -> "Callable[..., Awaitable[TurnEnd]]":
    from acp_agent.turn.auto.turn import answer_auto

    return answer_auto


def _load_panel() -> "Callable[..., Awaitable[TurnEnd]]":
    from acp_agent.turn.panel.turn import answer_panel

    return answer_panel


async def _show_start(servers: "McpServers", output: "SessionOutput") -> None:
    """Waits for ``servers``; a start that takes long is shown as a step."""
    from acp_agent.backends.base import Progress

    with anyio.move_on_after(PATIENCE_SECONDS):
        await servers.wait_ready()
        return
    try:
        await output.emit(Progress("mcp", "Starting MCP servers"))
        await servers.wait_ready()
        await output.emit(Progress("mcp", "Starting MCP servers", finished=True))
    finally:
        with anyio.CancelScope(shield=True):
            await output.settle()


def _keep(record: "TurnRecord | None", loaded: Loaded) -> dict[str, object] | None:
    """Keeps the figures of a turn; as ``_meta`` of its answer, None where there are none."""
    from acp_agent.telemetry.turns import as_meta

    if record is None:
        return None
    loaded.record(record)
    return {"acp-agent": as_meta(record)}
