"""The turn loop: one prompt of the user's, from the first request to the stop reason.

Owns the rounds (the model answers, its tool calls are run, it goes on) and what stays of
a turn that was cut off. Does not own one request (``turn/request``) or one call
(``turn/calls``), how history is spelled (``turn/history``), the wire, nor any model.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import anyio

from acp_agent.backends.base import Notice, StopReason, ToolCallRequested
from acp_agent.conversation import AssistantMessage, ToolResult, UserMessage
from acp_agent.errors import AgentError, BackendError, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.turn.calls import Caller, Settled
from acp_agent.turn.choice import Choice, Choose, choose
from acp_agent.turn.history import Answer
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput
from acp_agent.turn.request import offer_install, request_answer
from acp_agent.turn.results import STOP_AT, Repeats

REQUEST_LIMIT = 50
"""Model requests of one turn."""

_CIRCLES = (
    "The model made the same call {count} times with the same result, so the turn was ended. "
    "Say what it should do instead, or choose another model."
)

TurnEnd = StopReason | Literal["max_turn_requests"]


async def run_turn(
    session: Session,
    prompt: UserMessage,
    modes: Modes,
    output: TurnOutput,
    meter: Meter,
    choose_answerer: Choose | None = None,
) -> TurnEnd:
    """Answers ``prompt`` in the session's mode; ``meter`` takes the turn's figures.

    ``choose_answerer`` says what answers instead of what the mode offers.

    Cancelling the caller stops the model and the tool that runs; what was shown until
    then stays in the history, marked as interrupted. A prompt that failed with nothing
    shown leaves nothing behind, so that it can be sent again.

    Raises:
        BackendError: the model failed, with what to do; the session goes on.
    """
    find = choose_answerer or partial(choose, session, modes)
    return await _Turn(session, modes, output, meter, find).run(prompt)


@dataclass(slots=True)
class _Turn:
    session: Session
    modes: Modes
    output: TurnOutput
    meter: Meter
    choose: Choose
    answer: Answer = field(default_factory=Answer)
    repeats: Repeats = field(default_factory=Repeats)
    has_begun: bool = False
    is_explained: bool = False

    async def run(self, prompt: UserMessage) -> TurnEnd:
        await self.choose()  # not ready: nothing is left behind
        messages = self.session.conversation.messages
        before = len(messages)
        messages.append(prompt)
        try:
            await self._greet()
            # Showing the greeting may take long; the mode may be another one by then.
            end = await self._rounds(await self.choose())
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
        elif self.answer.is_empty and not self.is_explained:
            has_worked = any(isinstance(message, ToolResult) for message in messages[before:])
            await self.output.emit(_nothing_said(self.answer, has_worked=has_worked))
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
            if not self.answer.calls or choice.tools == "none" or stop_reason == "refusal":
                return stop_reason
            if await self._run_calls(self.answer.calls, choice):
                return "end_turn"
        await self._explain(
            f"The model was asked {REQUEST_LIMIT} times in this turn, which is the limit."
        )
        return "max_turn_requests"

    async def _explain(self, why: str) -> None:
        """Tells the user why the turn ends."""
        self.is_explained = True
        await self.output.emit(Notice(why))

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
                choice = await self.choose()
                await self._request(choice)
        finally:
            if self.answer.has_begun:
                self.has_begun = True
                self._keep(self.answer.message(with_calls=choice.tools != "none"))
        return choice

    def _keep(self, message: AssistantMessage) -> None:
        if message.text or message.thought or message.tool_calls:
            self.session.conversation.append(message)

    async def _request(self, choice: Choice) -> None:
        self.meter.ask(choice.backend.name, self.session.mode, choice.model)
        await request_answer(choice, self.session, self.output, self.answer)

    async def _run_calls(self, calls: list[ToolCallRequested], choice: Choice) -> bool:
        """Runs ``calls``; each has a result afterwards, come what may.

        True if the turn is over: a question waits for the user, or nothing new comes.
        """
        settled: dict[int, Settled] = {}
        assert self.session.workspace is not None
        toolbox = choice.toolbox(self.session)
        caller = Caller(self.session, self.session.workspace, self.output, toolbox)
        repeated = 0
        try:
            await caller.run_all(calls, settled)
        finally:
            for index, requested in enumerate(calls):
                each = settled.get(index) or caller.cut_off(index, requested)
                if each.has_changed:
                    self.repeats.note_change()
                result, count = self.repeats.note(requested.call, each.result)
                self.session.conversation.append(result)
                repeated = max(repeated, count)
        if repeated >= STOP_AT:
            await self._explain(_CIRCLES.format(count=repeated))
            return True
        # A call that the user has read an answer of, or is asked a question by, says enough.
        ends = any(each.ends_turn for each in settled.values())
        self.is_explained |= ends or any(each.is_answer for each in settled.values())
        return ends


def _nothing_said(answer: Answer, *, has_worked: bool) -> Notice:
    if answer.stop_reason == "max_tokens":
        return Notice(
            "The model reached its limit before it came to an answer. Choose a lower thinking "
            "level, or raise the limit (max_tokens in the configuration)."
        )
    if answer.calls:
        names = ", ".join(requested.call.name for requested in answer.calls)
        return Notice(f"The model asked for the tool {names}, which it does not have here.")
    if has_worked:  # the same prompt again would do it twice
        return Notice("The model ended without a word. Ask it to go on if something is missing.")
    return Notice("The model said nothing. Send the prompt again, or choose another model.")
