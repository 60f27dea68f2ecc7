"""The tools of a process, and where they work.

Owns which there are, and their order. Does not own which of them a model is offered
(``turn/offer``).
"""

from collections.abc import Sequence
from pathlib import Path

from acp_agent.config.paths import Paths
from acp_agent.config.settings import ToolSettings
from acp_agent.tools.ask_user import AskUser
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.tools.commands.containment import Uncontained, find_containment
from acp_agent.tools.commands.local_commands import LocalCommands
from acp_agent.tools.commands.run_command import RunCommand
from acp_agent.tools.files.delete_file import DeleteFile
from acp_agent.tools.files.edit_file import EditFile
from acp_agent.tools.files.glob_files import Glob
from acp_agent.tools.files.list_directory import ListDirectory
from acp_agent.tools.files.local_files import LocalFiles
from acp_agent.tools.files.move_file import MoveFile
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.search import SearchFiles
from acp_agent.tools.files.write_file import WriteFile
from acp_agent.tools.mcp.servers import McpServers, ServerConfig
from acp_agent.tools.update_plan import UpdatePlan
from acp_agent.tools.web.fetch_url import FetchUrl
from acp_agent.tools.workspace import Containment, Workspace


def build_toolbox(settings: ToolSettings) -> Toolbox:
    """The tools that every model with tools is offered, the most needed first."""

    tools: list[RunnableTool] = [
        ReadFile(),
        ListDirectory(),
        Glob(),
        SearchFiles(),
        EditFile(),
        WriteFile(),
        RunCommand(settings.command_timeout),
        DeleteFile(),
        MoveFile(),
        UpdatePlan(),
        AskUser(),
    ]
    if settings.fetch_url:
        tools.append(FetchUrl())
    return Toolbox(tools)


def choose_containment(settings: ToolSettings, paths: Paths) -> Containment:
    """How commands are contained. Tries it out by starting a process; once per agent."""
    return (
        find_containment(settings.network, _private(paths)) if settings.contain else Uncontained()
    )


def build_workspace(
    containment: Containment, paths: Paths, root: Path, extra: Sequence[Path]
) -> Workspace:
    """A session's workspace with the machine's own files and processes."""
    return Workspace(
        root=root.resolve(),
        extra=tuple(folder.resolve() for folder in extra),
        private=_private(paths),
        files=LocalFiles(),
        commands=LocalCommands(),
        containment=containment,
    )


def _private(paths: Paths) -> tuple[Path, ...]:
    return tuple(folder.resolve() for folder in paths.own)


def build_servers(
    settings: ToolSettings, configured: Sequence[ServerConfig], workspace: Workspace
) -> McpServers:
    """A session's MCP servers, not started."""

    return McpServers(configured, workspace.roots, start_timeout=settings.mcp_timeout)
