"""One request to a model: sent, tried again with less, and what is counted of it.

Owns the course of a request, the figures that go out after it, and the offer to install a
missing model. Does not own what the model is told (``turn/fitted``), the rounds of a turn
(``turn/loop``), nor making room (``turn/compact``).
"""

from collections.abc import Sequence
from contextlib import aclosing

from acp_agent.backends.base import (
    Done,
    Event,
    Installer,
    Notice,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.conversation import Message
from acp_agent.errors import ContextOverflow, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.tools.base import RunnableTool
from acp_agent.turn.choice import Choice, open_stream
from acp_agent.turn.context import hint_guides
from acp_agent.turn.fitted import CUTS, FittedPrompt, fit_prompt
from acp_agent.turn.history import Answer
from acp_agent.turn.output import TurnOutput, call_begun, call_requested


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
    prompt = await fit_prompt(choice, session, output, answer.count)
    await hint_guides(session)
    try:
        await _send_fitting(prompt, _Request(prompt, output, answer))
    except ContextOverflow:
        if not answer.has_begun:
            prompt.restore()
        raise


async def _send_fitting(prompt: FittedPrompt, request: "_Request") -> None:
    """Makes room and asks the model; makes more while the server refuses for want of it."""
    await prompt.make_room()
    for cuts in range(CUTS + 1):
        try:
            await request.send()
            return
        except ContextOverflow as overflow:
            if request.answer.has_begun or cuts == CUTS:
                raise
            await prompt.shorten(overflow)


class _Request:
    """The request as it stands, to be sent again where it did not fit."""

    def __init__(self, prompt: FittedPrompt, output: TurnOutput, answer: Answer) -> None:
        self._prompt = prompt
        self._choice = prompt.compaction.choice
        self._session = prompt.compaction.session
        self._output = output
        self.answer = answer

    async def send(self) -> None:
        """Asks the model; the user is told the context's news when it begins to answer."""
        sent = tuple(self._session.conversation.messages)
        notices = self._prompt.news
        counted = False
        request = self._prompt.build(sent, self._session.id)
        async with aclosing(open_stream(self._choice, request)) as events:
            async for event in events:
                while notices:
                    await self._output.emit(Notice(notices.pop(0)))
                self._prompt.note_told()
                if isinstance(event, Usage):
                    counted = True
                    event = self._prompt.count(event, sent)
                elif isinstance(event, Done) and not counted:
                    await self._tell_estimate(sent)
                await self._take(event)

    async def _take(self, event: Event) -> None:
        self.answer.take(event)
        if isinstance(event, ToolCallStarted):
            await self._output.show(call_begun(event, self._find_tool(event.name)))
        elif isinstance(event, ToolCallRequested):
            call = event.call
            await self._output.show(call_requested(call, self._find_tool(call.name)))
        else:
            await self._output.emit(event)

    def _find_tool(self, name: str) -> RunnableTool | None:
        return self._choice.toolbox(self._session).find(name)

    async def _tell_estimate(self, sent: Sequence[Message]) -> None:
        """Shows what is used by estimate; a server's figures are not to be mixed with it."""
        usage = self._prompt.estimate(sent, self.answer.message())
        if usage is not None:
            await self._output.emit(usage)
