"""What the tests of MCP servers share: servers that run, an editor that records, a call."""

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from acp_agent.conversation import PlanStep
from acp_agent.tools.base import Outcome, RunnableTool
from acp_agent.tools.mcp.configured import ServerConfig, StdioServer
from acp_agent.tools.mcp.servers import McpServers
from acp_agent.tools.shown import Shown
from tests.fixtures.workspace import make_workspace

START_TIMEOUT = 20.0
_SCRIPT = str(Path(__file__).parent / "faulty_server.py")


class RecordingEditor:
    """Implements ``Editor``; ``has_shown`` is set at the first thing shown."""

    call = "call-1"
    can_ask = False

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.has_shown = anyio.Event()

    async def show(self, *shown: Shown) -> None:
        self.shown += shown
        self.has_shown.set()

    async def show_plan(self, steps: Sequence[PlanStep]) -> None:
        raise NotImplementedError

    async def ask(self, question: str, choices: Sequence[str]) -> str | None:
        raise NotImplementedError


def faulty(fault: str, name: str = "faulty", **env: str) -> StdioServer:
    """``faulty_server.py`` with ``fault``."""
    return StdioServer(name, sys.executable, ("-S", "-u", _SCRIPT, fault), env)


@asynccontextmanager
async def running(
    *configured: ServerConfig, roots: Sequence[Path] = (), **options: Any
) -> AsyncGenerator[McpServers]:
    """The servers ready, or failed; ended with ``aclose``."""
    options = {"start_timeout": START_TIMEOUT} | options
    servers = McpServers(configured, roots or [Path.cwd()], **options)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(servers.run)
        with anyio.fail_after(2 * START_TIMEOUT):
            await servers.wait_ready()
            yield servers
            await servers.aclose()


def find_tool(servers: McpServers, name: str) -> RunnableTool:
    return next(tool for tool in servers.tools if tool.tool.name == name)


async def call(
    servers: McpServers, name: str, editor: RecordingEditor | None = None, **arguments: Any
) -> Outcome:
    """Calls a tool as a turn does, without asking anybody."""
    workspace = make_workspace(Path.cwd())
    prepared = await find_tool(servers, name).prepare(arguments, workspace)
    if isinstance(prepared, Outcome):
        return prepared
    return await prepared.run(editor or RecordingEditor())
