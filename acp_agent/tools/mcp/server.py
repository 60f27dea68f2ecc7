"""One MCP server of a session: connected, asked, connected again where it has ended.

Owns its life and the requests to it, with their time limits. Does not own the way to it
(``transports``) nor what models and users see of it (``tool``, ``results``).
"""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    CallToolResult,
    GetPromptResult,
    Implementation,
    ListRootsResult,
    LoggingMessageNotificationParams,
    Prompt,
    Root,
    Tool,
)
from pydantic import FileUrl, ValidationError

from acp_agent import __version__
from acp_agent.tools.mcp.configured import McpProblem, ServerConfig
from acp_agent.tools.mcp.definitions import shorten
from acp_agent.tools.mcp.explain import ANSWER_LIMIT, explain_start
from acp_agent.tools.mcp.transports import ServerTransport

TOOLS_LIMIT = 128
"""Tools of one server that are used: the first of its list."""
PROMPTS_LIMIT = 64
"""Prompts of one server that are used."""

_PAGES_LIMIT = 100
_LOG_LIMIT = 2000
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "notice": logging.INFO}
_SESSION_GONE = "Session terminated"
"""The library's words for an HTTP server that no longer knows the session."""

# Their records hold addresses, what servers say, and a traceback for each unreadable line.
for _library in ("mcp", "client"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
ItemT = TypeVar("ItemT", Tool, Prompt)


class Server:
    """One server; ``run`` is its life.

    ``tools`` and ``prompts`` are what it offered when it was first ready, to the end of the
    session: what a model was told must not change. ``problem`` says why it never was ready,
    or what of it is not used.
    """

    def __init__(
        self,
        configured: ServerConfig,
        roots: Sequence[Path],
        *,
        start_timeout: float,
        call_timeout: float,
    ) -> None:
        self.name = configured.name
        self.settled = anyio.Event()
        """It is ready, or will not be."""
        self.tools: list[Tool] = []
        self.prompts: list[Prompt] = []
        self.problem = ""
        self._configured = configured
        self._roots = roots
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._client: Client | None = None
        self._was_ready = False
        self._closing = False
        self._failure = f"The MCP server {self.name!r} has ended."
        self._scope = anyio.CancelScope()
        self._over = anyio.Event()
        self._wanted = anyio.Event()
        self._tried = anyio.Event()

    async def run(self) -> None:
        """Connects, and again when a call wants it, until ``close`` or a cancel."""
        try:
            await self._connect()
            while self._was_ready and not self._closing:
                await self._wanted.wait()
                if not self._closing:
                    await self._connect()
        finally:
            self._closing = True
            self._client = None
            self.settled.set()
            self._tried.set()

    def close(self) -> None:
        """Lets ``run`` end; a start under way is given up."""
        self._closing = True
        if self._client is None:
            self._scope.cancel()
        self._over.set()
        self._wanted.set()

    async def call(
        self, tool: str, arguments: Mapping[str, Any], on_progress: ProgressFnT
    ) -> CallToolResult:
        """Calls ``tool``; cancelling tells the server so.

        Raises:
            McpProblem: there is no result of it.
        """
        return await self._ask(
            lambda client: client.call_tool(tool, dict(arguments), progress_callback=on_progress)
        )

    async def get_prompt(self, prompt: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """The messages of ``prompt``.

        Raises:
            McpProblem: there are none.
        """
        return await self._ask(lambda client: client.get_prompt(prompt, dict(arguments)))

    async def _connect(self) -> None:
        """Connects and stays so until the connection is over; never raises."""
        self._wanted, self._over = anyio.Event(), anyio.Event()
        transport = ServerTransport(self._configured, self._roots[0], self._lose)
        failure, is_ready = "", False
        deadline = anyio.current_time() + self._start_timeout
        with anyio.CancelScope(deadline=deadline) as self._scope:
            try:
                async with self._client_for(transport) as client:
                    await self._take_offer(client)
                    # The scope is the whole life's; its time limit was the start's.
                    self._scope.deadline = math.inf
                    is_ready = True
                    self._client = client
                    self.settled.set()
                    self._tried.set()
                    await self._over.wait()
            except Exception as error:
                failure = explain_start(self._configured, error, transport.refused)
                # Not above debug: what the libraries say may hold the server's address.
                _log.debug("%s: the connection failed", self.name, exc_info=error)
        if self._scope.cancelled_caught:
            seconds = f"{self._start_timeout:g}"
            failure = f"The MCP server {self.name!r} did not start within {seconds} seconds."
        self._lose()
        if not is_ready:
            self._fail(failure)

    def _fail(self, failure: str) -> None:
        """A start came to nothing: whoever waits for it is told so."""
        if not self._closing:
            _log.warning("%s", failure)
            self._failure = failure
        if not self._was_ready:
            self.problem = failure
        tried, self._tried = self._tried, anyio.Event()
        tried.set()
        self.settled.set()

    def _lose(self) -> None:
        """The connection is over; the next call wants another one."""
        if self._client is not None:
            _log.info("%s: the connection is over", self.name)
            self._client = None
            self._tried = anyio.Event()
        self._over.set()

    def _client_for(self, transport: ServerTransport) -> Client:
        # Neither sampling nor elicitation is offered; the library declines both.
        return Client(
            transport,
            client_info=Implementation(name="acp-agent", version=__version__),
            list_roots_callback=self._list_roots,
            logging_callback=self._take_log,
            log_level="info",
            cache=None,
        )

    async def _take_offer(self, client: Client) -> None:
        if self._was_ready:
            return
        capabilities = client.server_capabilities
        if capabilities.tools is not None:
            self.tools = await self._list(TOOLS_LIMIT, "tools", _tools_page(client))
        if capabilities.prompts is not None:
            try:
                self.prompts = await self._list(PROMPTS_LIMIT, "prompts", _prompts_page(client))
            except (MCPError, ValidationError) as error:
                _log.warning("%s: its prompts cannot be listed: %s", self.name, error)
        self._was_ready = True

    async def _list(
        self,
        limit: int,
        what: str,
        read_page: Callable[[str | None], Awaitable[tuple[Sequence[ItemT], str | None]]],
    ) -> list[ItemT]:
        """The first ``limit`` items, however many pages the server has."""
        items: list[ItemT] = []
        cursor: str | None = None
        for _ in range(_PAGES_LIMIT):
            page, cursor = await read_page(cursor)
            items += page
            if cursor is None or len(items) > limit:
                break
        if len(items) > limit:
            self.problem = (
                f"The MCP server {self.name!r} offers more than {limit} {what}; the first "
                f"{limit} are used."
            )
        return items[:limit]

    async def _list_roots(self, context: ClientRequestContext) -> ListRootsResult:
        roots = [Root(uri=FileUrl(root.as_uri()), name=root.name) for root in self._roots]
        return ListRootsResult(roots=roots)

    async def _take_log(self, params: LoggingMessageNotificationParams) -> None:
        level = _LEVELS.get(params.level, logging.WARNING)
        _log.log(level, "%s: %s", self.name, shorten(str(params.data), _LOG_LIMIT))

    async def _ask(self, ask: Callable[[Client], Awaitable[ResultT]]) -> ResultT:
        client = await self._connected()
        try:
            with anyio.fail_after(self._call_timeout):
                return await ask(client)
        except TimeoutError:
            raise McpProblem(
                f"The MCP server {self.name!r} did not answer within {self._call_timeout:g} "
                "seconds; the call was cancelled."
            ) from None
        except MCPError as error:
            raise McpProblem(self._explain(error)) from error
        except (RuntimeError, ValidationError) as error:
            _log.debug("%s: an answer of it cannot be used", self.name, exc_info=error)
            raise McpProblem(
                f"The MCP server {self.name!r} gave an answer that cannot be used: it does not "
                "follow the protocol, or the form that the server itself has announced."
            ) from error

    async def _connected(self) -> Client:
        if self._client is None and not self._closing:
            tried = self._tried
            self._wanted.set()
            await tried.wait()
        if self._client is None:
            raise McpProblem(self._failure)
        return self._client

    def _explain(self, error: MCPError) -> str:
        """What came instead of a result."""
        if error.error.code == CONNECTION_CLOSED:
            return (
                f"The MCP server {self.name!r} ended before it answered. What it has done until "
                "then is not known; the next call starts it again."
            )
        if error.error.message == _SESSION_GONE:
            self._lose()
            return (
                f"The MCP server {self.name!r} was started anew and did not make the call. "
                "Make it again."
            )
        return f"The MCP server answered: {shorten(error.error.message, ANSWER_LIMIT)}"


def _tools_page(
    client: Client,
) -> Callable[[str | None], Awaitable[tuple[Sequence[Tool], str | None]]]:
    async def read(cursor: str | None) -> tuple[Sequence[Tool], str | None]:
        page = await client.list_tools(cursor=cursor)
        return page.tools, page.next_cursor

    return read


def _prompts_page(
    client: Client,
) -> Callable[[str | None], Awaitable[tuple[Sequence[Prompt], str | None]]]:
    async def read(cursor: str | None) -> tuple[Sequence[Prompt], str | None]:
        page = await client.list_prompts(cursor=cursor)
        return page.prompts, page.next_cursor

    return read
