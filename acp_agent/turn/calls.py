"""Running the tool calls of an answer.

Owns a call's way from the model to its result: shown, checked, run, told. Does not own
the tools (``acp_agent.tools``) nor what is done with the results (``turn/loop``).
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from acp_agent.backends.base import ToolCallRequested
from acp_agent.conversation import ToolResult
from acp_agent.tools.base import Outcome, RunnableTool, Toolbox, parse_object
from acp_agent.turn.output import ShownCall, TurnOutput

_log = logging.getLogger(__name__)

CANCELLED = "The user cancelled the turn before this call was done."


async def run_call(
    requested: ToolCallRequested, toolbox: Toolbox, root: Path, output: TurnOutput
) -> ToolResult:
    """Runs one call and shows how it goes; what the model is to be told of it.

    A call with a fault, to a tool that is not there, or that fails, has a result too.
    """
    call = requested.call
    tool = toolbox.find(call.name)
    arguments = parse_object(call.arguments)
    shown = _describe(call.id, call.name, tool, arguments, root)
    await output.show(shown)
    outcome = _refuse(requested, tool, toolbox, arguments)
    if outcome is None and tool is not None and arguments is not None:
        await output.show(replace(shown, status="in_progress"))
        outcome = await _run(tool, arguments, root)
    assert outcome is not None
    status = "failed" if outcome.failed else "completed"
    await output.show(replace(shown, status=status, text=outcome.text))
    return ToolResult(call.id, call.name, outcome.text, failed=outcome.failed)


def cancelled(requested: ToolCallRequested) -> ToolResult:
    """What the model is told of a call that a cancel kept from its end."""
    return ToolResult(requested.call.id, requested.call.name, CANCELLED, failed=True)


def _describe(
    id: str,
    name: str,
    tool: RunnableTool | None,
    arguments: Mapping[str, Any] | None,
    root: Path,
) -> ShownCall:
    if tool is None or arguments is None:
        return ShownCall(id, name, tool.kind if tool else "other", arguments=arguments)
    return ShownCall(
        id,
        tool.title(arguments),
        tool.kind,
        arguments=arguments,
        places=tool.places(arguments, root),
    )


def _refuse(
    requested: ToolCallRequested,
    tool: RunnableTool | None,
    toolbox: Toolbox,
    arguments: Mapping[str, Any] | None,
) -> Outcome | None:
    """Why the call is not made, None if it may be."""
    if tool is None:
        return Outcome(toolbox.explain_unknown(requested.call.name), failed=True)
    if requested.fault:
        return Outcome(f"The call was not made. {requested.fault}", failed=True)
    if arguments is None:
        return Outcome("The call was not made. The arguments are no JSON object.", failed=True)
    return None


async def _run(tool: RunnableTool, arguments: Mapping[str, Any], root: Path) -> Outcome:
    try:
        return await tool.run(arguments, root)
    except Exception:
        # A defect of ours must not end the turn: the model can go another way.
        _log.exception("the tool %s failed", tool.tool.name)
        return Outcome("The tool failed; acp-agent's log has the reason.", failed=True)
