"""The MCP servers of one session.

Owns starting them together, what they offer under names of ours, and ending them. Does not
own one server's life (``server``). Imports the library ``mcp`` (0.4 s) only in ``run``.
"""

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent.tools.base import RunnableTool
from acp_agent.tools.mcp.configured import (
    HttpServer,
    McpProblem,
    ServerConfig,
    SseServer,
    StdioServer,
)
from acp_agent.tools.mcp.names import unique_names
from acp_agent.tools.mcp.prompts import Prompt, PromptArgument

if TYPE_CHECKING:
    from acp_agent.tools.mcp.server import Server

__all__ = ["HttpServer", "McpServers", "ServerConfig", "SseServer", "StdioServer"]

CALL_SECONDS = 600.0
"""That a call may take."""
CLOSE_SECONDS = 2.0
"""That HTTP servers get to hear of the end, before their connections are cut."""
LATE_SECONDS = 0.5
"""That the others wait for a server whose start is being given up."""

_log = logging.getLogger(__name__)


class McpServers:
    """The servers ``configured`` for a session; ``run`` is their life.

    ``tools``, ``prompts`` and ``problems`` (sentences for the user) are empty until
    ``wait_ready`` has returned, and stay as they are then.

    Args:
        roots: the session's folders, its own first; servers are started in that one.
        start_timeout: seconds that a server has to start and list what it offers.
    """

    def __init__(
        self,
        configured: Sequence[ServerConfig],
        roots: Sequence[Path],
        *,
        start_timeout: float,
        call_timeout: float = CALL_SECONDS,
    ) -> None:
        self.tools: Sequence[RunnableTool] = ()
        self.prompts: Sequence[Prompt] = ()
        self.problems: Sequence[str] = ()
        self._configured = configured
        self._roots = roots
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._servers: list[Server] = []
        self._prompt_owners: dict[str, tuple[Server, str]] = {}
        self._ready = anyio.Event()
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope()
        self._is_running = False
        self._is_closed = False
        if not configured:
            self._ready.set()

    async def run(self) -> None:
        """Starts the servers and keeps them until ``aclose`` or a cancel; nothing is left then.

        To be run once, in a task group that outlives the session.
        """
        if self._is_closed or not self._configured:
            return
        self._is_running = True
        try:
            with self._scope:
                await self._serve()
        except Exception:
            # A defect of ours, or of the library's installation, must not end the sessions.
            _log.exception("MCP servers cannot be served")
            self.problems = ("No MCP server can be used; acp-agent's log has the reason.",)
        finally:
            self._is_running = False
            self._ready.set()
            self._ended.set()

    async def wait_ready(self) -> None:
        """Waits until every server is ready or has failed, a little over ``start_timeout`` at
        most. ``run`` must have been started."""
        await self._ready.wait()

    async def get_prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        """The text of the prompt ``name``, for the model in the user's place.

        Raises:
            McpProblem: there is none.
        """
        from acp_agent.tools.mcp.results import to_prompt_text

        if name not in self._prompt_owners:
            raise McpProblem(f"There is no prompt {name!r}.")
        server, own_name = self._prompt_owners[name]
        return to_prompt_text(await server.get_prompt(own_name, arguments))

    async def aclose(self) -> None:
        """Ends the servers, and returns when they have ended."""
        self._is_closed = True
        self._ready.set()
        if not self._is_running:
            return
        if not self._servers:
            self._scope.cancel()
        for server in self._servers:
            server.close()
        with anyio.move_on_after(CLOSE_SECONDS):
            await self._ended.wait()
        self._scope.cancel()
        await self._ended.wait()

    async def _serve(self) -> None:
        # In a thread, so that the client is answered meanwhile.
        await anyio.to_thread.run_sync(_load)
        from acp_agent.tools.mcp.server import Server

        self._servers = [
            Server(
                each,
                self._roots,
                start_timeout=self._start_timeout,
                call_timeout=self._call_timeout,
            )
            for each in self._configured
        ]
        async with anyio.create_task_group() as tasks:
            for server in self._servers:
                tasks.start_soon(server.run)
            with anyio.move_on_after(self._start_timeout + LATE_SECONDS):
                for server in self._servers:
                    await server.settled.wait()
            self._take_offers()
            self._ready.set()

    def _take_offers(self) -> None:
        from acp_agent.tools.mcp.tool import McpTool

        settled = [server for server in self._servers if server.settled.is_set()]
        tools = [(server, tool) for server in settled for tool in server.tools]
        names = unique_names(((server.name, tool.name) for server, tool in tools), "__")
        self.tools = tuple(
            McpTool(server, tool, name) for (server, tool), name in zip(tools, names, strict=True)
        )
        prompts = [(server, prompt) for server in settled for prompt in server.prompts]
        names = unique_names(((server.name, prompt.name) for server, prompt in prompts), ":")
        self.prompts = tuple(
            Prompt(
                name,
                prompt.description or prompt.title or prompt.name,
                tuple(
                    PromptArgument(each.name, each.description or "", bool(each.required))
                    for each in prompt.arguments or ()
                ),
            )
            for (_, prompt), name in zip(prompts, names, strict=True)
        )
        self._prompt_owners = {
            name: (server, prompt.name)
            for (server, prompt), name in zip(prompts, names, strict=True)
        }
        self.problems = tuple(
            server.problem or _describe_late(server.name, self._start_timeout)
            for server in self._servers
            if server.problem or not server.settled.is_set()
        )


def _describe_late(name: str, seconds: float) -> str:
    return f"The MCP server {name!r} did not start within {seconds:g} seconds."


def _load() -> None:
    import_module("acp_agent.tools.mcp.tool")
