"""Opening and closing sessions.

Owns ``session/new`` and ``session/close``: the folders, the workspace with the editor's
files and terminals, the MCP servers. Does not own a session's choices (``choices``) and
prompts (``prompts``). What sessions need is imported with the first one, so that
``initialize`` is answered fast.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from acp_agent.errors import InvalidParams
from acp_agent.protocol.open_sessions import Loaded, OpenSessions
from acp_agent.protocol.turns import Turns
from acp_agent.rpc.frames import Json
from acp_agent.rpc.peer import Call
from acp_agent.sessions.session import Session

if TYPE_CHECKING:
    from acp_agent.protocol.wire.mcp import McpServer
    from acp_agent.protocol.wire.session import NewSessionRequest
    from acp_agent.tools.workspace import Workspace


class SessionHandlers:
    """Opens and closes the sessions of one client."""

    def __init__(self, sessions: OpenSessions, turns: Turns) -> None:
        self._open = sessions
        self._turns = turns

    async def new(self, call: Call) -> Json:
        """``session/new``."""
        from acp_agent.protocol.options import config_options, mode_state
        from acp_agent.protocol.wire.session import NewSessionRequest, NewSessionResponse

        request = NewSessionRequest.from_wire(call.params)
        _check_folders(request)
        loaded = await self._open.ready()
        modes = loaded.modes
        await modes.refresh()
        session = Session(str(uuid4()), request.cwd, modes.default())
        session.greeting = loaded.greeting(session.mode)
        session.permissions = loaded.permissions
        session.delegation = loaded.delegation
        session.toolbox = loaded.toolbox
        session.workspace = self._workspace(loaded, session, request)
        modes.pin(session)
        self._open.table.add(session)
        self._open.note_told(modes, session)
        self._start_servers(loaded, session, request.mcp_servers)
        # Not before the response: editors do not know the session until then.
        call.on_settled.append(partial(self._open.announce, loaded, session))
        call.on_settled.append(
            lambda: self._open.peer.start_soon(partial(self._tell_all_commands, session))
        )
        return NewSessionResponse(
            session_id=session.id,
            modes=mode_state(modes, session),
            config_options=config_options(modes, session),
        ).to_wire()

    async def close(self, call: Call) -> Json:
        """``session/close``."""
        from acp_agent.protocol.wire.session import CloseSessionRequest

        request = CloseSessionRequest.from_wire(call.params)
        session = self._open.table.get(request.session_id)
        async with session.control:
            await self._turns.end(session.id)
            self._open.remove(session)
            servers = self._open.servers.pop(session.id, None)
            if servers is not None:
                await servers.aclose()
            loaded = await self._open.ready()
            if loaded.auto is not None:
                loaded.auto.close(session.id)
            if loaded.panel is not None:
                loaded.panel.close(session.id)
            await loaded.forget(session.id)
        return {}

    def _workspace(
        self, loaded: Loaded, session: Session, request: "NewSessionRequest"
    ) -> "Workspace":
        """The local workspace, with what the editor does itself in place of ours."""
        from acp_agent.protocol.client_commands import ClientCommands
        from acp_agent.protocol.client_files import ClientFiles

        extra = [Path(folder) for folder in request.additional_directories]
        try:
            workspace = loaded.workspace(Path(request.cwd), extra)
        except (OSError, RuntimeError, ValueError) as error:
            raise InvalidParams(
                "params.cwd, params.additionalDirectories: one of them cannot be a folder (a "
                "loop of links, or characters that no path has); send folders that exist."
            ) from error
        peer, can = self._open.peer, self._open.abilities
        if can.read_text or can.write_text:
            workspace.files = ClientFiles(
                peer, session.id, workspace.files, can_read=can.read_text, can_write=can.write_text
            )
        if can.terminal:
            workspace.commands = ClientCommands(peer, session.id, workspace.commands)
        return workspace

    def _start_servers(
        self, loaded: Loaded, session: Session, wanted: "Sequence[McpServer]"
    ) -> None:
        """Starts the session's MCP servers beside it; the first prompt waits for them."""
        from acp_agent.protocol.server_configs import server_configs

        if not wanted or session.workspace is None:
            return
        servers = loaded.servers(server_configs(wanted), session.workspace)
        self._open.servers[session.id] = servers
        self._open.peer.start_soon(servers.run)

    async def _tell_all_commands(self, session: Session) -> None:
        """The agent's own commands at once, and again when servers have brought prompts."""
        from acp_agent.protocol.commands import commands_update

        await self._open.send(session, commands_update())
        servers = self._open.servers.get(session.id)
        if servers is not None:
            await servers.wait_ready()
            # A session that was closed meanwhile is told nothing.
            if servers.prompts and session.id in self._open.servers:
                await self._open.send(session, commands_update(servers.prompts))


def _check_folders(request: "NewSessionRequest") -> None:
    _check_absolute("params.cwd", request.cwd)
    for index, folder in enumerate(request.additional_directories):
        _check_absolute(f"params.additionalDirectories[{index}]", folder)


def _check_absolute(field: str, path: str) -> None:
    if not os.path.isabs(path):
        raise InvalidParams(
            f"{field}: {path!r} is not an absolute path; send one that starts at the root."
        )
