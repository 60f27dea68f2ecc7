"""What a model is told of a session besides the conversation: made once, then kept.

Owns making it with the first request to a model, what it is estimated to cost, and the
hints to guides of folders that the model comes to. Does not own the parts (``turn/offer``,
``turn/preamble``), nor making room (``turn/compact``).
"""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

import anyio.to_thread

from acp_agent.backends.base import Usage
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    ToolResult,
    estimate_text,
    estimate_tokens,
)
from acp_agent.sessions.context import Elision, Measured, ModelContext, Surroundings
from acp_agent.sessions.session import Session
from acp_agent.tools.base import parse_object
from acp_agent.tools.workspace import FileProblem, Workspace
from acp_agent.turn.choice import Choice
from acp_agent.turn.elide import cost
from acp_agent.turn.offer import offer
from acp_agent.turn.preamble import find_new_guides, survey, write_preamble

_HINT = "\n\n[{name} holds instructions for this folder: read it before you change anything there.]"

_DENSITY_LIMIT = 3.0
_TEMPLATE = 300
"""Tokens that a model's template may add, which say nothing of its tokenizer."""

_PLAUSIBLE = 4
"""A server's count below one part in so many of the estimate leaves something out."""


async def open_context(choice: Choice, session: Session) -> ModelContext:
    """What the chosen model is told; made with its first request, the same from then on."""
    key = (choice.backend.id, choice.model, choice.offer)
    context = session.contexts.get(key)
    if context is None:
        context = session.contexts[key] = await _make(choice, session)
    messages = session.conversation.messages
    if not context.elision.holds(messages):
        context.elision, context.cut = Elision(), ""
    if context.measured is not None and not context.measured.holds(messages):
        context.measured = None
    return context


async def _make(choice: Choice, session: Session) -> ModelContext:
    offered = offer(choice.toolbox(session).tools, choice.tools, choice.window, choice.label)
    context = ModelContext(
        offered.tools, offered.instructions, fixed=offered.tokens, news=list(offered.news)
    )
    if not offered.tools or session.workspace is None:
        return context
    if session.surroundings is None:
        session.surroundings = await _survey(session.workspace)
    preamble = write_preamble(session.surroundings, choice.window, choice.label)
    context.preamble = preamble.text
    context.fixed += estimate_text(preamble.text)
    context.news += preamble.news
    return context


async def _survey(workspace: Workspace) -> Surroundings:
    root, extra = workspace.root, workspace.extra
    look = partial(survey, root, extra, date.today())
    return await anyio.to_thread.run_sync(look, abandon_on_cancel=True)


def count_used(choice: Choice, context: ModelContext, messages: Sequence[Message]) -> int:
    """The tokens of a request now: what the server counted last, and an upper-side estimate
    of what came since; else an estimate of all."""
    with_tools = choice.tools != "none"
    measured = context.measured
    if measured is None or not measured.holds(messages):
        return estimate_used(choice, context, messages)
    later = messages[measured.count :]
    if later and isinstance(later[0], AssistantMessage):
        later = later[1:]  # the answer, which was counted
    new = sum(estimate_tokens(message, with_tools=with_tools) for message in later)
    return measured.tokens + int(new * context.density)


def estimate_used(choice: Choice, context: ModelContext, messages: Sequence[Message]) -> int:
    """An upper-side estimate of the tokens of a request now."""
    told = cost(messages, context.elision, with_tools=choice.tools != "none")
    return int((context.fixed + told) * context.density)


def note_usage(
    choice: Choice, context: ModelContext, sent: Sequence[Message], usage: Usage
) -> None:
    """Keeps what the server counted of a request with ``sent``, the whole conversation."""
    context.window = usage.context_size or context.window
    estimate = context.fixed + cost(sent, context.elision, with_tools=choice.tools != "none")
    if not sent or usage.input_tokens * _PLAUSIBLE < estimate:
        return
    density = (usage.input_tokens - _TEMPLATE) / max(estimate, 1)
    context.density = min(max(1.0, density), _DENSITY_LIMIT)
    tokens = usage.input_tokens + usage.output_tokens
    context.measured = Measured(tokens, len(sent), sent[-1])


async def hint_guides(session: Session) -> None:
    """Adds to the newest results that a folder they are about has a guide of its own."""
    workspace, surroundings = session.workspace, session.surroundings
    messages = session.conversation.messages
    touched = _find_touched(messages)
    if workspace is None or surroundings is None or not touched:
        return

    def look() -> dict[int, list[str]]:
        return {
            index: find_new_guides(surroundings, workspace.roots, _resolve(workspace, paths))
            for index, paths in touched.items()
        }

    found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
    for index, names in found.items():
        result = messages[index]
        assert isinstance(result, ToolResult)
        text = result.text + "".join(_HINT.format(name=name) for name in names)
        if names:
            messages[index] = ToolResult(result.call_id, result.name, text, failed=result.failed)


def _find_touched(messages: Sequence[Message]) -> dict[int, list[str]]:
    """The paths that the newest round's calls named, by the index of their results."""
    results: dict[str, int] = {}
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, ToolResult):
            results[message.call_id] = index
            continue
        if not isinstance(message, AssistantMessage):
            return {}
        named = {
            results[call.id]: _named_paths(call.arguments)
            for call in message.tool_calls
            if call.id in results
        }
        return {index: paths for index, paths in named.items() if paths}
    return {}


def _named_paths(arguments: str) -> list[str]:
    found = parse_object(arguments) or {}
    return [value for name in ("path", "cwd") if isinstance(value := found.get(name), str)]


def _resolve(workspace: Workspace, paths: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        try:
            found.append(workspace.find(path))
        except FileProblem:
            continue
    return found
