"""The sessions that a client has open, and what they need.

Owns building that with the first session, and telling the editor what has changed in a
session. Does not own what the methods do (``session_handlers``, ``choices``, ``prompts``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from acp_agent.protocol.watching import Watching
from acp_agent.protocol.wire.base import WireModel
from acp_agent.rpc.frames import JsonObject, MessageFrame
from acp_agent.rpc.peer import Peer
from acp_agent.sessions.session import Session, SessionTable
from acp_agent.turn.modes import Modes

if TYPE_CHECKING:
    from acp_agent.backends.base import Watched
    from acp_agent.protocol.abilities import ClientAbilities
    from acp_agent.sessions.session import Delegation
    from acp_agent.telemetry.turns import TurnRecord
    from acp_agent.tools.actions import PermissionMode
    from acp_agent.tools.base import Toolbox
    from acp_agent.tools.mcp.servers import McpServers, ServerConfig
    from acp_agent.tools.workspace import Workspace
    from acp_agent.turn.auto.services import AutoServices
    from acp_agent.turn.commands.services import CommandServices
    from acp_agent.turn.panel.services import PanelServices


@dataclass(slots=True, frozen=True)
class Loaded:
    """What sessions need, built when the first one starts."""

    modes: Modes
    greeting: Callable[[str], str | None]
    """What to tell the user of a new session that starts in this mode."""
    toolbox: "Toolbox"
    """What models with tools are offered, beside a session's MCP servers."""
    workspace: "Callable[[Path, Sequence[Path]], Workspace]"
    """The workspace of a session's folder and additional ones, on the local disk."""
    servers: "Callable[[Sequence[ServerConfig], Workspace], McpServers]"
    """A session's MCP servers, not started."""
    services: "CommandServices"
    """What slash commands need."""
    record: "Callable[[TurnRecord], None]"
    """Keeps a turn's figures; does not wait."""
    forget: Callable[[str], Awaitable[None]]
    """Drops what is kept outside this process for a session, by its id; never raises."""
    permissions: "PermissionMode" = "ask"
    """What a new session asks the user."""
    delegation: "Delegation" = "balanced"
    """How readily a new session delegates in mode ``auto``."""
    auto: "AutoServices | None" = None
    """What mode ``auto`` needs, where there is one."""
    panel: "PanelServices | None" = None
    """What mode ``panel`` needs, where there is one."""
    mode_chosen: Callable[[Session, str, str], None] = lambda session, before, mode: None
    """The user chose another mode by hand: the mode before, and the one now."""
    watch: "Mapping[str, Watched]" = field(default_factory=dict[str, "Watched"])
    """Backends, by mode, whose models come and go by themselves."""


class OpenSessions:
    """Everything that the handlers of one client share.

    Args:
        load: builds what sessions need; may raise ConfigError, and is tried again then.
    """

    def __init__(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        self.peer: Peer
        self.abilities: ClientAbilities
        self.table = SessionTable()
        self.servers: dict[str, McpServers] = {}
        self.told_problems: set[str] = set()
        """Sessions whose user knows which of the servers cannot be used."""
        self._load = load
        self._loading = anyio.Lock()
        self._loaded: Loaded | None = None
        self._told: dict[str, JsonObject] = {}
        self._watching = Watching(self.tell_changes)

    async def aclose(self) -> None:
        """Gives back what was loaded."""
        if self._loaded is not None:
            await self._loaded.modes.aclose()

    async def ready(self) -> Loaded:
        """What sessions need, built once."""
        async with self._loading:
            if self._loaded is None:
                self._loaded = await self._load()
            return self._loaded

    async def modes_of(self, session: Session) -> Modes:
        """The modes, for a session that is still open.

        Raises:
            ResourceNotFound: it was closed while the caller waited for its turn.
        """
        self.table.get(session.id)
        return (await self.ready()).modes

    def announce(self, loaded: Loaded, session: Session) -> None:
        """The editor is being told of the new ``session``: from now on of its changes too."""
        self._watching.add(session, loaded.watch, loaded.modes, self.peer)

    def remove(self, session: Session) -> None:
        """Forgets ``session``."""
        self._watching.remove(session)
        self.table.remove(session.id)
        self._told.pop(session.id, None)
        self.told_problems.discard(session.id)

    async def send(self, session: Session, update: WireModel) -> None:
        """Sends an update of ``session``."""
        from acp_agent.protocol.updates import notification

        await self.peer.send(MessageFrame(notification(session.id, update)))

    def note_told(self, modes: Modes, session: Session) -> None:
        """The editor is being told the options as they are."""
        self._told[session.id] = _options_update(modes, session).to_wire()

    async def tell_options(self, modes: Modes, session: Session) -> None:
        """Tells the editor the options."""
        self.note_told(modes, session)
        await self.send(session, _options_update(modes, session))

    async def tell_changes(self, modes: Modes, session: Session) -> None:
        """Tells the options where they are no longer what the editor was told."""
        told = self._told.get(session.id)
        if told is not None and told != _options_update(modes, session).to_wire():
            await self.tell_options(modes, session)


def _options_update(modes: Modes, session: Session) -> WireModel:
    from acp_agent.protocol.options import config_options
    from acp_agent.protocol.wire.updates import ConfigOptionUpdate

    return ConfigOptionUpdate(config_options=config_options(modes, session))
