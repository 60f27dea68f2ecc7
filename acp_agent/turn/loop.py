"""The turn loop: one prompt of the user's, from the first request to the stop reason.

Owns the rounds (the model answers, its tool calls are run, it goes on) and what stays of
a turn that was cut off. Does not own one request (``turn/request``) or one call
(``turn/calls``), how history is spelled (``turn/history``), the wire, nor any model.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio

from acp_agent.backends.base import Notice, StopReason, ToolCallRequested
from acp_agent.conversation import AssistantMessage, ToolResult, UserMessage
from acp_agent.errors import AgentError, BackendError, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.tools.base import Toolbox
from acp_agent.turn.calls import cancelled, run_call
from acp_agent.turn.history import Answer
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput
from acp_agent.turn.request import Choice, choose, offer_install, request_answer

REQUEST_LIMIT = 50
"""Model requests of one turn."""

TurnEnd = StopReason | Literal["max_turn_requests"]


async def run_turn(
    session: Session,
    prompt: UserMessage,
    modes: Modes,
    output: TurnOutput,
    toolbox: Toolbox,
    meter: Meter,
) -> TurnEnd:
    """Answers ``prompt`` in the session's mode; ``meter`` takes the turn's figures.

    Cancelling the caller stops the model and the tool that runs; what was shown until
    then stays in the history, marked as interrupted. A prompt that failed with nothing
    shown leaves nothing behind, so that it can be sent again.

    Raises:
        BackendError: the model failed, with what to do; the session goes on.
    """
    return await _Turn(session, modes, output, toolbox, meter).run(prompt)


@dataclass(slots=True)
class _Turn:
    session: Session
    modes: Modes
    output: TurnOutput
    toolbox: Toolbox
    meter: Meter
    answer: Answer = field(default_factory=Answer)
    has_begun: bool = False

    async def run(self, prompt: UserMessage) -> TurnEnd:
        await choose(self.session, self.modes)  # not ready: nothing is left behind
        messages = self.session.conversation.messages
        before = len(messages)
        messages.append(prompt)
        try:
            await self._greet()
            # Showing the greeting may take long; the mode may be another one by then.
            end = await self._rounds(await choose(self.session, self.modes))
        except AgentError:
            if not self.has_begun:
                del messages[before:]
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self.output.settle()
        if end == "refusal":
            # A refused prompt and what followed are not part of the next one (ACP, StopReason).
            del messages[before:]
        elif self.answer.is_empty and end != "max_turn_requests":
            await self.output.emit(_nothing_said(self.answer))
        return end

    async def _greet(self) -> None:
        greeting, self.session.greeting = self.session.greeting, None
        if greeting:
            await self.output.emit(Notice(greeting))

    async def _rounds(self, choice: Choice) -> TurnEnd:
        for _ in range(REQUEST_LIMIT):
            choice = await self._round(choice)
            stop_reason = self.answer.stop_reason
            if stop_reason is None:
                raise BackendError("The model stopped without an end. Send the prompt again.")
            if not self.answer.calls or not choice.calls_tools or stop_reason == "refusal":
                return stop_reason
            await self._run_calls(self.answer.calls)
        await self.output.emit(
            Notice(f"The model was asked {REQUEST_LIMIT} times in this turn, which is the limit.")
        )
        return "max_turn_requests"

    async def _round(self, choice: Choice) -> Choice:
        """One answer, after an installation if need be; what gave it."""
        self.answer = Answer(self.meter.take)
        try:
            try:
                await self._request(choice)
            except ModelNotInstalled as missing:
                await offer_install(choice, missing, self.output)
                # The mode is looked at anew: it may be another one by now.
                await self.modes.refresh(*{choice.backend.id, self.session.mode})
                self.meter.restart()
                choice = await choose(self.session, self.modes)
                await self._request(choice)
        finally:
            if self.answer.has_begun:
                self.has_begun = True
                self._keep(self.answer.message(with_calls=choice.calls_tools))
        return choice

    def _keep(self, message: AssistantMessage) -> None:
        if message.text or message.thought or message.tool_calls:
            self.session.conversation.append(message)

    async def _request(self, choice: Choice) -> None:
        self.meter.ask(choice.backend.name, choice.backend.id, choice.model)
        await request_answer(choice, self.session, self.toolbox, self.output, self.answer)

    async def _run_calls(self, calls: list[ToolCallRequested]) -> None:
        """Runs ``calls`` one after the other; each has a result afterwards, come what may."""
        results: list[ToolResult] = []
        try:
            for requested in calls:
                root = Path(self.session.cwd)
                results.append(await run_call(requested, self.toolbox, root, self.output))
        finally:
            results += [cancelled(requested) for requested in calls[len(results) :]]
            for result in results:
                self.session.conversation.append(result)


def _nothing_said(answer: Answer) -> Notice:
    if answer.stop_reason == "max_tokens":
        return Notice(
            "The model reached its limit before it came to an answer. Choose a lower thinking "
            "level, or raise the limit (max_tokens in the configuration)."
        )
    if answer.calls:
        names = ", ".join(requested.call.name for requested in answer.calls)
        return Notice(f"The model asked for the tool {names}, which it does not have here.")
    return Notice("The model said nothing. Send the prompt again, or choose another model.")
