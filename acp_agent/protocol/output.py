"""The editor's end of a turn: events out, questions and their answers.

Owns message and tool-call ids, the running steps of one turn, and the branches in which
delegations write. Does not own what an event looks like (``protocol/updates``), how a
question is put (``protocol/questions``), nor merging and bounds (``rpc/outbox``).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import uuid4

import anyio
import anyio.lowlevel

from acp_agent.backends.base import (
    Event,
    Notice,
    Plan,
    Progress,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.permissions import Option
from acp_agent.protocol import updates
from acp_agent.protocol.questions import Questions
from acp_agent.protocol.wire import tool_calls
from acp_agent.protocol.wire.base import WireModel
from acp_agent.rpc.frames import MessageFrame, TextFrame
from acp_agent.rpc.peer import Peer
from acp_agent.tools.shown import ShownText
from acp_agent.turn.output import ShownCall, Source

_ALLOW = Option("allow", "Allow", "allow_once")
_REJECT = Option("reject", "Not now", "reject_once")


class SessionOutput:
    """Where one turn of ``session_id`` writes. Implements ``turn.output.TurnOutput``.

    Args:
        has_forms: whether the client can show a form (ACP: ``elicitation.form``).
    """

    def __init__(self, peer: Peer, session_id: str, *, has_forms: bool = False) -> None:
        self._peer = peer
        self._questions = Questions(peer, session_id)
        self._has_forms = has_forms
        self._outbox = peer.outbox
        self._session_id = session_id
        self._asking = anyio.Lock()
        self._source: updates.SourceMeta | None = None
        self._counts = True
        self._branches: list[SessionOutput] = []
        self._is_closed = False
        self._renew_heads()
        # Tool calls without an end, by step: in and out only once the frame is queued.
        self._running: dict[str, str] = {}
        self._shown: dict[str, tuple[str, str]] = {}
        self._calls: dict[str, ShownCall] = {}

    def branch(self, source: Source, *, counts: bool = False) -> "SessionOutput":
        """Where a delegation writes; the source's call is one that is shown here now."""
        branch = SessionOutput(self._peer, self._session_id, has_forms=self._has_forms)
        branch._asking = self._asking
        branch._source = updates.source_meta(source, self._running.get(source.call))
        branch._counts = counts and self._counts
        branch._is_closed = self._is_closed
        branch._renew_heads()
        self._branches.append(branch)
        return branch

    async def emit(self, event: Event) -> None:
        """Shows ``event``; waits while the editor is behind."""
        if self._is_closed:
            # A sender that never waits could not be cancelled.
            await anyio.lowlevel.checkpoint()
            return
        if type(event) is TextDelta:
            frame = TextFrame(self._text_head, event.text, updates.CHUNK_TAIL)
        elif type(event) is ThoughtDelta:
            frame = TextFrame(self._thought_head, event.text, updates.CHUNK_TAIL)
        else:
            await self._emit_other(event)
            return
        if not self._outbox.offer(frame):
            await self._outbox.send(frame)

    async def _emit_other(self, event: Event) -> None:
        match event:
            case Progress():
                await self._emit_progress(event)
            case Notice():
                await self.send(updates.notice_chunk(event.text, str(uuid4())))
            case Plan():
                await self.send(updates.plan_update(event))
            case Usage() if self._counts:
                update = updates.usage_update(event)
                if update is not None:
                    await self.send(update)
            case _:
                return

    async def _emit_progress(self, event: Progress) -> None:
        call_id = self._running.get(event.id)
        if call_id is None:
            if event.finished:
                return
            call_id = f"{event.id}-{uuid4().hex[:12]}"
            await self.send(updates.progress_started(event, call_id))
            self._running[event.id] = call_id
            self._shown[event.id] = event.title, updates.progress_text(event)
            return
        shown = event.title, updates.progress_text(event)
        if shown == self._shown[event.id] and not event.finished:
            return
        await self.send(updates.progress_moved(event, call_id))
        self._shown[event.id] = shown
        if event.finished:
            self._running.pop(event.id, None)

    async def show(self, call: ShownCall) -> None:
        """Shows a tool call, or what has changed of one shown before.

        Text after a call is a message of its own.
        """
        if self._is_closed:
            await anyio.lowlevel.checkpoint()
            return
        # A model's id need not be unique in the session; ours on the wire is.
        before = self._calls.get(call.id)
        if before is None:
            call_id = f"call-{uuid4().hex[:12]}"
            await self.send(updates.call_shown(call, call_id))
            self._running[call.id] = call_id
        elif before != call:
            await self.send(updates.call_changed(before, call, self._running[call.id]))
        self._calls[call.id] = call
        if call.status in ("completed", "failed"):
            self._calls.pop(call.id)
            self._running.pop(call.id, None)
            self._renew_heads()

    async def ask(self, title: str, detail: str) -> bool:
        """Asks about a tool call of its own; an error or a dismissal means no."""
        if self._is_closed:
            return False
        call_id = f"ask-{uuid4().hex[:12]}"
        call = tool_calls.ToolCall(
            tool_call_id=call_id,
            title=title,
            kind="other",
            status="pending",
            content=updates.text_content(detail),
        )
        await self.send(call)
        self._running[call_id] = call_id
        shown = tool_calls.ToolCallUpdate(
            tool_call_id=call.tool_call_id,
            title=call.title,
            kind=call.kind,
            status=call.status,
            content=call.content,
        )
        chosen = await self._ask_permission(shown, (_ALLOW, _REJECT))
        allowed = chosen == _ALLOW.id
        await self.send(updates.call_ended(call_id, well=allowed))
        self._running.pop(call_id, None)
        return allowed

    async def ask_call(self, call: ShownCall, options: Sequence[Option], reason: str) -> str | None:
        """Asks with ``session/request_permission`` about ``call``, which was shown before."""
        if self._is_closed:
            return None
        asked = replace(call, content=(ShownText(reason), *call.content)) if reason else call
        question = updates.call_in_question(asked, self._running[call.id])
        # Clients take over what a request shows: the next update has to take the reason away.
        self._calls[call.id] = asked
        return await self._ask_permission(question, options)

    @property
    def can_ask_user(self) -> bool:
        """Whether the client has forms."""
        return self._has_forms

    async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
        """Asks in a form with one field."""
        if not self._has_forms:
            return None
        return await self._put(partial(self._questions.form, question, choices))

    async def settle(self) -> None:
        """Ends the steps that still run, as failed, without waiting for the editor.

        Branches are closed; this output itself may be used on.
        """
        for branch in self._branches:
            branch._is_closed = True
            await branch.settle()
        self._branches.clear()
        for call_id in self._running.values():
            self._outbox.put(self._frame(updates.call_ended(call_id, well=False)))
        for known in (self._running, self._shown, self._calls):
            known.clear()

    async def send(self, update: WireModel) -> None:
        """Sends any update of this session when the editor keeps up."""
        await self._peer.send(self._frame(update))

    async def _ask_permission(
        self, call: tool_calls.ToolCallUpdate, options: Sequence[Option]
    ) -> str | None:
        shown = updates.marked(call, self._source)
        return await self._put(partial(self._questions.permission, shown, options))

    async def _put(self, question: Callable[[], Awaitable[str | None]]) -> str | None:
        """Puts ``question`` to the user when no other one of the turn's is open."""
        async with self._asking:
            return None if self._is_closed else await question()

    def _frame(self, update: WireModel) -> MessageFrame:
        marked = updates.marked(update, self._source)
        return MessageFrame(updates.notification(self._session_id, marked))

    def _renew_heads(self) -> None:
        """What comes next is a new message."""
        self._text_head = self._new_head("agent_message_chunk")
        self._thought_head = self._new_head("agent_thought_chunk")

    def _new_head(self, kind: str) -> bytes:
        return updates.chunk_head(self._session_id, kind, str(uuid4()), self._source)
