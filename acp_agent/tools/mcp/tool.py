"""A server's tool as one of ours.

Owns its definition, checking arguments before the user is asked, and showing how far a call
has come. Does not own the call itself (``server``).
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import anyio
from mcp.types import Tool as ServerTool

from acp_agent.conversation import Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import Editor, Kind, Outcome, Prepared
from acp_agent.tools.commands import terminal_text
from acp_agent.tools.commands.terminal_text import code_block, in_line, make_visible
from acp_agent.tools.mcp.configured import McpProblem
from acp_agent.tools.mcp.definitions import DESCRIPTION_LIMIT, compact_schema, shorten
from acp_agent.tools.mcp.results import to_outcome
from acp_agent.tools.mcp.server import Server
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import Workspace

PROGRESS_SECONDS = 0.2
"""Between two states that the user is shown."""
_TITLE_LIMIT = 80
_SHOWN_LIMIT = 4000
_FAULT_LIMIT = 300


class McpTool:
    """What ``server`` has ``offered``, known to models as ``name``.

    Implements ``RunnableTool``.
    """

    def __init__(self, server: Server, offered: ServerTool, name: str) -> None:
        self.tool = Tool(
            name,
            shorten(offered.description or "", DESCRIPTION_LIMIT),
            compact_schema(offered.input_schema),
        )
        hints = offered.annotations
        self.is_read_only = bool(hints and hints.read_only_hint)
        self.kind: Kind = "other"
        if self.is_read_only:
            self.kind = "fetch" if hints and hints.open_world_hint else "read"
        own_title = offered.title or (hints.title if hints else None) or offered.name
        self._title = in_line(f"{server.name}: {own_title}", _TITLE_LIMIT)
        self._server = server
        self._offered = offered

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        del arguments
        return self._title

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        del workspace
        fault = find_fault(self._offered.input_schema, arguments)
        if fault is not None:
            return Outcome(f"The call was not made. {fault}", failed=True)
        action = Action("server", tool=self.tool.name, read_only=self.is_read_only)
        return Prepared(action, partial(self._run, arguments), shown=_show(arguments))

    async def _run(self, arguments: Mapping[str, Any], editor: Editor) -> Outcome:
        progress = _Progress(editor)
        outcome = Outcome("")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(progress.run)
            try:
                result = await self._server.call(self._offered.name, arguments, progress.note)
                outcome = to_outcome(result)
            except McpProblem as problem:
                outcome = Outcome(str(problem), failed=True)
            tasks.cancel_scope.cancel()
        return outcome


def _show(arguments: Mapping[str, Any]) -> tuple[ShownText, ...]:
    """What the user is asked about: not every editor draws a call's raw input."""
    if not arguments:
        return ()
    text = json.dumps(arguments, indent=2, ensure_ascii=False)
    return (ShownText(code_block(make_visible(terminal_text.shorten(text, _SHOWN_LIMIT)), "json")),)


class _Progress:
    """Shows the last state that a server has told of, when the editor can take it.

    The library's own task only notes it: it must not show anything once the call is over.
    """

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._text = ""
        self._noted = anyio.Event()

    async def note(self, progress: float, total: float | None, message: str | None) -> None:
        amount = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        self._text = f"{shorten(message, _FAULT_LIMIT)} ({amount})" if message else amount
        self._noted.set()

    async def run(self) -> None:
        while True:
            await self._noted.wait()
            self._noted = anyio.Event()
            await self._editor.show(ShownText(self._text))
            await anyio.sleep(PROGRESS_SECONDS)


def find_fault(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    """What ``schema`` has against ``arguments``, None for nothing."""
    from jsonschema import exceptions
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    try:
        kind = validator_for(schema, default=Draft202012Validator)
        # A registry of its own, so that a reference to an address fetches nothing.
        validator = kind(schema, registry=Registry())
        fault = cast("Any", exceptions).best_match(validator.iter_errors(arguments))
    except Exception:
        # A schema may be broken in many ways; then the server has the last word.
        return None
    if fault is None:
        return None
    place = ".".join(map(str, fault.absolute_path)) or "the arguments"
    return f"{place}: {shorten(fault.message, _FAULT_LIMIT)}."
