"""Events as ACP session updates; pure.

Owns which ``session/update`` an event becomes. Does not own sending it, nor message and
tool-call ids, which the caller gives.

Source: https://agentclientprotocol.com/protocol/v1/schema#sessionupdate
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from acp_agent.backends.base import Plan, Progress, Usage
from acp_agent.protocol.call_content import contents
from acp_agent.protocol.wire import tool_calls as calls
from acp_agent.protocol.wire import updates as wire
from acp_agent.protocol.wire.base import WireModel
from acp_agent.protocol.wire.content import TextContent
from acp_agent.rpc.frames import JsonObject, encode, encode_text
from acp_agent.tools.base import Place
from acp_agent.turn.output import ShownCall, Source

SourceMeta: TypeAlias = Mapping[str, Any]
"""``_meta`` that says whose part of the answer an update is."""

UpdateT = TypeVar("UpdateT", bound=WireModel)

_OURS = "acp-agent"
"""The key of everything of ours in ``_meta``."""

NOTICE_META = {_OURS: {"notice": True}}
"""Marks text that comes from the agent itself and is no part of the model's answer."""

CHUNK_TAIL = b"}}}}\n"


def source_meta(source: Source, call_id: str | None) -> SourceMeta:
    """The ``_meta`` of what ``source`` writes; ``call_id`` is its call's on the wire, None
    where none is shown."""
    about = {"mode": source.mode, "model": source.model}
    if call_id is not None:
        about["toolCallId"] = call_id
    return {_OURS: {"source": about}}


def marked(update: UpdateT, source: SourceMeta | None) -> UpdateT:
    """``update`` as a part of what ``source`` writes, beside what its ``_meta`` says."""
    if source is None:
        return update
    meta = update.meta or {}
    ours = {**meta.get(_OURS, {}), **source[_OURS]}
    return update.model_copy(update={"meta": {**meta, _OURS: ours}})


def chunk_head(
    session_id: str, kind: str, message_id: str, source: SourceMeta | None = None
) -> bytes:
    """The line of a text chunk up to its text; ``CHUNK_TAIL`` follows the text.

    ``kind`` is ``agent_message_chunk`` or ``agent_thought_chunk``. A stream's chunks
    differ in their text only, so the rest is encoded once.
    """
    meta = b"" if source is None else b',"_meta":' + encode(dict(source)).rstrip(b"\n")
    session, update, message = encode_text(session_id), encode_text(kind), encode_text(message_id)
    return (
        b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":'
        + session
        + b',"update":{"sessionUpdate":'
        + update
        + b',"messageId":'
        + message
        + meta
        + b',"content":{"type":"text","text":'
    )


def notice_chunk(text: str, message_id: str) -> wire.AgentMessageChunk:
    """A sentence of the agent's own, as a message apart from the model's."""
    return wire.AgentMessageChunk(
        message_id=message_id, content=TextContent(text=f"*{text}*\n\n"), meta=NOTICE_META
    )


def progress_started(progress: Progress, call_id: str) -> calls.ToolCall:
    """The tool call that stands for a long step."""
    return calls.ToolCall(
        tool_call_id=call_id,
        title=progress.title,
        kind="other",
        status="in_progress",
        content=text_content(progress_text(progress)),
    )


def progress_moved(progress: Progress, call_id: str) -> calls.ToolCallProgress:
    """How far the step is, or that it is done."""
    return calls.ToolCallProgress(
        tool_call_id=call_id,
        title=progress.title,
        status="completed" if progress.finished else None,
        content=text_content(progress_text(progress)),
    )


def call_shown(call: ShownCall, call_id: str) -> calls.ToolCall:
    """A model's tool call, for the first time."""
    return calls.ToolCall(
        tool_call_id=call_id,
        title=call.title,
        kind=call.kind,
        status=call.status,
        content=contents(call.content) or None,
        locations=_locations(call.places) or None,
        raw_input=call.arguments,
    )


def call_changed(before: ShownCall, call: ShownCall, call_id: str) -> calls.ToolCallProgress:
    """What has become of a model's tool call; what is as ``before`` stays out.

    Content and locations are always whole, an empty list takes them away.
    """
    return calls.ToolCallProgress(
        tool_call_id=call_id,
        title=call.title if call.title != before.title else None,
        kind=call.kind if call.kind != before.kind else None,
        status=call.status if call.status != before.status else None,
        content=contents(call.content) if call.content != before.content else None,
        locations=_locations(call.places) if call.places != before.places else None,
        raw_input=call.arguments if call.arguments != before.arguments else None,
    )


def call_in_question(call: ShownCall, call_id: str) -> calls.ToolCallUpdate:
    """A model's tool call as a permission request shows it: whole, for clients which draw
    nothing but the request."""
    return calls.ToolCallUpdate(
        tool_call_id=call_id,
        title=call.title,
        kind=call.kind,
        status="pending",
        content=contents(call.content) or None,
        locations=_locations(call.places) or None,
        raw_input=call.arguments,
    )


def call_ended(call_id: str, *, well: bool) -> calls.ToolCallProgress:
    """The tool call is over."""
    return calls.ToolCallProgress(tool_call_id=call_id, status="completed" if well else "failed")


def progress_text(progress: Progress) -> str:
    """``done`` of ``total`` in words; empty where nothing is known."""
    if progress.done is None:
        return ""
    done = _amount(progress.done, progress.unit)
    if not progress.total:
        return done
    percent = min(100, 100 * progress.done // progress.total)
    pace = f", {progress.pace}" if progress.pace else ""
    return f"{percent} % ({done} of {_amount(progress.total, progress.unit)}){pace}"


def _locations(places: Sequence[Place]) -> list[calls.ToolCallLocation]:
    return [calls.ToolCallLocation(path=place.path, line=place.line) for place in places]


def plan_update(plan: Plan) -> wire.Plan:
    """The whole plan."""
    return wire.Plan(
        entries=[
            wire.PlanEntry(content=step.text, priority="medium", status=step.status)
            for step in plan.steps
        ]
    )


def usage_update(usage: Usage) -> wire.UsageUpdate | None:
    """The context in use; None where the window is unknown."""
    if usage.context_size is None:
        return None
    meta = None if usage.n_loops is None else {_OURS: {"nLoops": usage.n_loops}}
    used = usage.input_tokens + usage.output_tokens
    return wire.UsageUpdate(used=used, size=usage.context_size, meta=meta)


def text_content(text: str) -> list[calls.ToolCallContent] | None:
    """``text`` as a tool call's content; None where there is none."""
    return [calls.Content(content=TextContent(text=text))] if text else None


def notification(session_id: str, update: WireModel) -> JsonObject:
    """The ``session/update`` message that carries ``update``."""
    params = {"sessionId": session_id, "update": update.to_wire()}
    return {"jsonrpc": "2.0", "method": "session/update", "params": params}


def _amount(value: int, unit: str) -> str:
    if unit != "B":
        return f"{value} {unit}".strip()
    for size, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value} B"
