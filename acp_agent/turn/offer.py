"""Which tools a model is offered; pure.

Owns the caps: the instructions and the agent's own tools may take a quarter of a window,
tools of MCP servers 15 %. Does not own the tools, nor what the user is told besides the
sentences given here. What is offered depends on nothing but the tools and the window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acp_agent.backends.base import ToolSupport
from acp_agent.conversation import Tool, estimate_text, estimate_tool
from acp_agent.routing.generate import NAME, PLAIN_NAME
from acp_agent.turn.instructions import INSTRUCTIONS

ASSUMED_WINDOW = 8192
"""Tokens that caps go by where a model's window is not known."""

_OWN_SHARE = 0.25
_MCP_SHARE = 0.15

_LASTING = (
    PLAIN_NAME,
    NAME,
    "read_file",
    "list_directory",
    "search",
    "edit_file",
    "write_file",
    "run_command",
)
"""Tools that a small window keeps, the most needed first."""

_TEXT_FORMAT = 160
"""Tokens of the words that explain tools to a model that takes them as text only."""

_MCP_MARK = "__"
"""Stands between the server and the tool in the names of MCP tools."""


@dataclass(slots=True, frozen=True)
class Offer:
    """What a model is offered; without tools there are no instructions either.

    ``tokens`` is an upper-side estimate of both. ``news`` tells the user what was left out.
    """

    tools: tuple[Tool, ...] = ()
    instructions: str = ""
    tokens: int = 0
    news: tuple[str, ...] = ()


def offer(tools: Sequence[Tool], support: ToolSupport, window: int | None, model: str) -> Offer:
    """What ``model`` with ``window`` tokens is offered of ``tools``, in their order."""
    if support == "none" or not tools:
        return Offer()
    own = [tool for tool in tools if not is_of_mcp(tool)]
    foreign = [tool for tool in tools if is_of_mcp(tool)]
    size = ASSUMED_WINDOW if window is None else window
    base = estimate_text(INSTRUCTIONS) + (_TEXT_FORMAT if support == "text" else 0)
    costs = {tool.name: _cost(tool, support) for tool in tools}
    kept = own if window is None else _fitting(_by_need(own), costs, int(size * _OWN_SHARE) - base)
    added = _fitting(foreign, costs, int(size * _MCP_SHARE)) if kept or not own else []
    chosen = {tool.name for tool in [*kept, *added]}
    offered = tuple(tool for tool in tools if tool.name in chosen)
    news = _describe(own, kept, _OWN_NEWS, model, size)
    news += _describe(foreign, added, _MCP_NEWS, model, size)
    if not offered:
        return Offer(news=news)
    return Offer(offered, INSTRUCTIONS, base + sum(costs[tool.name] for tool in offered), news)


def _cost(tool: Tool, support: ToolSupport) -> int:
    """An upper-side estimate of the tokens of ``tool`` as it is told."""
    if support == "text":
        from acp_agent.backends.text_tools.spelling import spell_tool

        return estimate_text(f"{spell_tool(tool)}\n") + 1
    return estimate_tool(tool)


def is_of_mcp(tool: Tool) -> bool:
    """Whether ``tool`` is one of an MCP server."""
    return _MCP_MARK in tool.name


def _by_need(tools: Sequence[Tool]) -> list[Tool]:
    """``tools``, those first that a small window keeps."""
    order = {name: place for place, name in enumerate(_LASTING)}
    return sorted(tools, key=lambda tool: order.get(tool.name, len(order)))


def _fitting(tools: Sequence[Tool], costs: Mapping[str, int], tokens: int) -> list[Tool]:
    """Those of ``tools`` that fit into ``tokens``, first come, first served."""
    kept: list[Tool] = []
    for tool in tools:
        if costs[tool.name] <= tokens:
            kept.append(tool)
            tokens -= costs[tool.name]
    return kept


_OWN_NEWS = (
    "The context window of {model} ({window:,} tokens) is small, so it is not offered these "
    "tools: {names}."
)
_MCP_NEWS = (
    "Tools of MCP servers may take 15 % of the context window of {model} ({window:,} tokens); "
    "it is not offered {names}."
)


def _describe(
    tools: Sequence[Tool], kept: Sequence[Tool], news: str, model: str, window: int
) -> tuple[str, ...]:
    held = {tool.name for tool in kept}
    names = ", ".join(tool.name for tool in tools if tool.name not in held)
    return (news.format(model=model, window=window, names=names),) if names else ()
