"""The MCP server with the one tool ``gptoss.generate``.

Owns what clients are told of the tool and the way of a call to ``call``. Does not own the
connection (``transport``). Calls run side by side; what they need is loaded with the first.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
    ToolAnnotations,
)

from acp_agent import __version__
from acp_agent.errors import AgentError
from acp_agent.mcp_server.call import Services, answer_call
from acp_agent.mcp_server.results import OUTPUT_SCHEMA, UNFORESEEN, failed
from acp_agent.mcp_server.roots import find_roots
from acp_agent.routing.generate import (
    NAME,
    NAMES,
    PURPOSE,
    GenerateArguments,
    generate_schema,
)
from acp_agent.tools.base import Outcome, read_arguments

_log = logging.getLogger(__name__)

_ABOUT = (
    " It runs on the user's own machine, knows only what user_prompt says (and, with "
    "workspace_root, that folder's listing and AGENTS.md), has no tools and changes no files."
)

TOOL = Tool(
    name=NAME,
    title="Generate with GPT-OSS",
    description=PURPOSE + _ABOUT,
    input_schema=generate_schema(),
    output_schema=OUTPUT_SCHEMA,
    annotations=ToolAnnotations(
        title="Generate with GPT-OSS", read_only_hint=True, open_world_hint=False
    ),
)

Load = Callable[[], Awaitable[Services]]
"""Makes what calls need; AgentError where the configuration is wrong."""

_Context = ServerRequestContext[Any]


def build_server(load: Load) -> Server[Any]:
    """The server; ``load`` is tried with each call until it succeeds."""
    calls = _Calls(load)
    return Server(
        "acp-agent",
        version=__version__,
        title="acp-agent: local GPT-OSS",
        on_list_tools=_list_tools,
        on_call_tool=calls.make,
    )


async def _list_tools(context: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(tools=[TOOL])


class _Calls:
    """The calls of one connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._services: Services | None = None
        self._loading = anyio.Lock()

    async def make(
        self, context: _Context, call: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        if call.name not in NAMES:
            message = f"There is no tool {call.name[:100]!r}; there is {NAME}."
            raise MCPError(code=INVALID_PARAMS, message=message)
        arguments = read_arguments(GenerateArguments, call.arguments or {})
        if isinstance(arguments, Outcome):
            return failed(arguments.text)
        try:
            services = await self._find_services()
            roots = [] if arguments.workspace_root is None else await find_roots(context, call)
            if isinstance(roots, InputRequiredResult):
                return roots
            report = context.session.report_progress
            return await answer_call(services, arguments, roots, report)
        except AgentError as error:
            return failed(error.message)
        except Exception:
            _log.exception("a call of %s failed", NAME)
            return failed(UNFORESEEN)

    async def _find_services(self) -> Services:
        async with self._loading:
            if self._services is None:
                self._services = await self._load()
            return self._services
