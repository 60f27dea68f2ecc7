"""One request to a model: with what, and what is counted of it.

Owns putting a request together, trying again with less, the figures that go out after it,
and the offer to install a missing model. Does not own the rounds of a turn (``turn/loop``),
how history is spelled (``turn/history``), nor making room (``turn/compact``).
"""

from collections.abc import Sequence
from contextlib import aclosing

from acp_agent.backends.base import (
    Done,
    Event,
    Installer,
    ModelRequest,
    Notice,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.conversation import Message, UserMessage, estimate_tokens
from acp_agent.errors import ContextOverflow, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.tools.base import RunnableTool
from acp_agent.turn.choice import Choice, open_stream
from acp_agent.turn.compact import Compaction, explain_too_long
from acp_agent.turn.context import count_used, hint_guides, note_usage, open_context
from acp_agent.turn.elide import elide
from acp_agent.turn.history import Answer, as_told
from acp_agent.turn.output import TurnOutput, call_begun, call_requested

_CUTS = 4
"""Times a request that did not fit is cut to half and tried again."""


async def offer_install(choice: Choice, missing: ModelNotInstalled, output: TurnOutput) -> None:
    """Installs the model that is ``missing`` if the user allows it.

    Raises:
        ModelNotInstalled: the user does not, or the backend cannot.
        BackendError: it could not be installed.
    """
    backend = choice.backend
    if missing.title is None or not isinstance(backend, Installer):
        raise missing
    if not await output.ask(missing.title, missing.message):
        raise missing
    await backend.install(missing.model, output.emit, output.ask)


async def request_answer(
    choice: Choice, session: Session, output: TurnOutput, answer: Answer
) -> None:
    """One model request; cut further where the server counts more than was estimated.

    Raises:
        ContextOverflow: the prompt cannot fit, with the figures.
        BackendError: as ``Backend.stream``.
    """
    context = await open_context(choice, session)
    await hint_guides(session)
    compaction = Compaction(choice, session, context, output, answer.count)
    before = context.elision, context.measured, context.cut
    try:
        await _send_fitting(compaction, answer)
    except ContextOverflow:
        if not answer.has_begun:
            # The prompt is refused: what was left out to make room for it is told again.
            context.elision, context.measured, context.cut = before
        raise


async def _send_fitting(compaction: Compaction, answer: Answer) -> None:
    """Makes room and asks the model; makes more while the server refuses for want of it."""
    context = compaction.context
    context.cut = await compaction.make_room() or context.cut
    request = _Request(compaction, answer)
    for cuts in range(_CUTS + 1):
        try:
            await request.send()
            return
        except ContextOverflow as overflow:
            if answer.has_begun or cuts == _CUTS:
                raise
            told = context.elision
            context.cut = await compaction.halve() or context.cut
            if context.elision == told:
                raise _too_long(overflow, compaction) from overflow


class _Request:
    """The request as it stands, to be sent again where it did not fit."""

    def __init__(self, compaction: Compaction, answer: Answer) -> None:
        self._compaction = compaction
        self._choice = compaction.choice
        self._context = compaction.context
        self._session = compaction.session
        self._output = compaction.output
        self._answer = answer

    async def send(self) -> None:
        """Asks the model; the user is told the context's news when it begins to answer."""
        context = self._context
        sent = tuple(self._session.conversation.messages)
        notices = [*context.news, *([context.cut] if context.cut else [])]
        counted = False
        async with aclosing(open_stream(self._choice, self._build(sent))) as events:
            async for event in events:
                while notices:
                    await self._output.emit(Notice(notices.pop(0)))
                context.news.clear()
                context.cut = ""
                if isinstance(event, Usage):
                    counted = True
                    event = self._count(event, sent)
                elif isinstance(event, Done) and not counted:
                    await self._tell_estimate(sent)
                await self._take(event)

    async def _take(self, event: Event) -> None:
        self._answer.take(event)
        if isinstance(event, ToolCallStarted):
            await self._output.show(call_begun(event, self._find_tool(event.name)))
        elif isinstance(event, ToolCallRequested):
            call = event.call
            await self._output.show(call_requested(call, self._find_tool(call.name)))
        else:
            await self._output.emit(event)

    def _find_tool(self, name: str) -> RunnableTool | None:
        return self._choice.toolbox(self._session).find(name)

    def _build(self, sent: Sequence[Message]) -> ModelRequest:
        context, choice = self._context, self._choice
        messages = elide(sent, context.elision, context.preamble)
        return ModelRequest(
            as_told(messages, with_tools=choice.tools != "none"),
            choice.model,
            prompt=[each.text for each in sent if isinstance(each, UserMessage)][-1],
            session=self._session.id,
            instructions=context.instructions,
            tools=context.tools,
            thought_level=choice.level,
            temperature=choice.temperature,
            max_tokens=choice.max_tokens,
            options=choice.options,
        )

    def _count(self, usage: Usage, sent: Sequence[Message]) -> Usage:
        """``usage`` with the window, where the server left it out."""
        if usage.context_size is None:
            usage.context_size = self._compaction.window
        note_usage(self._choice, self._context, sent, usage)
        return usage

    async def _tell_estimate(self, sent: Sequence[Message]) -> None:
        """Shows what is used by estimate; a server's figures are not to be mixed with it."""
        window = self._compaction.window
        if window is None:
            return
        used = count_used(self._choice, self._context, sent)
        said = estimate_tokens(self._answer.message())
        await self._output.emit(Usage(used, said, window))


def _too_long(overflow: ContextOverflow, compaction: Compaction) -> ContextOverflow:
    """``overflow`` of a prompt from which nothing can be left out, with the figures."""
    window = compaction.window
    next_step = "Send less of it, or choose a model with a larger window."
    if window is not None and "context_size" not in (overflow.data or {}):
        messages = compaction.session.conversation.messages
        used = count_used(compaction.choice, compaction.context, messages)
        next_step = explain_too_long(used, window, compaction.choice.label)
    return ContextOverflow(
        f"{overflow.message} This prompt alone is too long. {next_step}", data=overflow.data
    )
