"""A turn in mode ``auto``: decided, answered by the small model or delegated, and logged.

Owns the turn's course. Does not own the decision (``judging``), a delegation's attempts
(``delegation``), nor the rounds of a model (``turn/loop``).
"""

from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import anyio.to_thread

from acp_agent.backends.base import Notice, Progress
from acp_agent.conversation import UserMessage
from acp_agent.errors import AgentError
from acp_agent.routing.decisions import DecisionRecord
from acp_agent.routing.gates import Candidate
from acp_agent.routing.generate import NAME, NAMES, PLAIN_NAME
from acp_agent.sessions.session import Session
from acp_agent.tools.shown import ShownText
from acp_agent.turn.auto.candidates import Candidates, find_candidates, line_up
from acp_agent.turn.auto.delegation import Attempts, LargeTurn
from acp_agent.turn.auto.generate_tool import GenerateTool
from acp_agent.turn.auto.judging import Judge
from acp_agent.turn.auto.outcome import UNFORESEEN, explain_empty, keep, note_end, note_failure
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.auto.shown import begin_call, summarise
from acp_agent.turn.auto.watch import MODE
from acp_agent.turn.choice import Choice, choose, limit_results
from acp_agent.turn.loop import TurnEnd, run_turn
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes, Seat
from acp_agent.turn.output import CallStatus, ShownCall, TurnOutput

PATIENCE_SECONDS = 1.0
"""How long a proposal may take before the user is told what is waited for."""

_ASKING = Progress("proposal", "Asking the small model who should answer")


async def answer_auto(
    session: Session,
    prompt: UserMessage,
    modes: Modes,
    output: TurnOutput,
    meter: Meter,
    services: AutoServices,
) -> TurnEnd:
    """Answers ``prompt`` with the model that the rubric, its gates and the small model's
    proposal come to; the session's mode stays as it is.

    Cancelling the caller stops whoever answers. The decision is logged however it ends.

    Raises:
        BackendUnavailable: nobody can answer; the message says what each candidate lacks.
        AgentError: as ``turn.loop.run_turn``.
    """
    await _make_sure(session, modes)
    if services.log is not None and not services.is_prepared:
        await anyio.to_thread.run_sync(services.log.prepare, abandon_on_cancel=True)
        services.is_prepared = True
    turn = await _start(session, prompt, modes, output, meter, services)
    record = turn.record
    services.watch.begin(session.id, record)
    try:
        end = await turn.answer()
        note_end(record, end)
        return end
    except AgentError as error:
        note_failure(record, error.message)
        raise
    except Exception:
        note_failure(record, UNFORESEEN)
        raise
    except BaseException:
        record.outcome.cancelled = True
        turn.keep_prompt()
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await output.settle()
        figures = meter.record(record.outcome.stop_reason, cancelled=record.outcome.cancelled)
        keep(record, services, figures)
        services.watch.end(session.id)


async def _make_sure(session: Session, modes: Modes) -> None:
    """Looks again where the mode was not ready when it was last asked."""
    state = modes.readiness.get(MODE)
    if state is None or not state.ready:
        await modes.refresh(MODE)
    modes.check(MODE)


async def _start(
    session: Session,
    prompt: UserMessage,
    modes: Modes,
    output: TurnOutput,
    meter: Meter,
    services: AutoServices,
) -> "_AutoTurn":
    """What the rubric says of ``prompt``, and who is there."""
    candidates = find_candidates(session, modes, services)
    small = await _choose_small(session, modes, candidates.small, services)
    if small is None:
        candidates.small = None
    first = candidates.first_large
    judge = Judge(session, services, small, None if first is None else first.mode)
    record = judge.judge_prompt(prompt)
    return _AutoTurn(
        session, prompt, modes, output, meter, services, candidates, judge, small, record
    )


async def _choose_small(
    session: Session, modes: Modes, small: Candidate | None, services: AutoServices
) -> Choice | None:
    if small is None or small.model is None:
        return None
    try:
        found = await choose(session, modes, Seat(small.mode, small.model.id))
    except AgentError:
        return None
    return replace(
        found,
        patience=services.settings.small_timeout,
        patience_setting="auto.small_timeout",
        counts_waits=True,
    )


@dataclass(slots=True)
class _AutoTurn:
    session: Session
    prompt: UserMessage
    modes: Modes
    output: TurnOutput
    meter: Meter
    services: AutoServices
    candidates: Candidates
    judge: Judge
    small: Choice | None
    record: DecisionRecord
    before: int = field(init=False)
    has_begun: bool = False

    def __post_init__(self) -> None:
        self.before = len(self.session.conversation.messages)

    async def answer(self) -> TurnEnd:
        """Lets the candidates answer, one after the other while they fail at once."""
        await self._tell_news()
        await self._ask_small()
        line = await line_up(self.candidates, self.record, self.services)
        attempts = Attempts(self.record, self.output, self.services.known_to(self.session.id))
        return await attempts.run(line, self._attempt, lambda: self.has_begun)

    async def _ask_small(self) -> None:
        """Has the small model propose; where that takes long, the user sees it."""
        if not self.judge.asks(self.record):
            return
        shown: list[Progress] = []

        async def show_late() -> None:
            await anyio.sleep(PATIENCE_SECONDS)
            shown.append(_ASKING)
            await self.output.emit(_ASKING)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(show_late)
            await self.judge.ask_small(self.record)
            tasks.cancel_scope.cancel()
        if shown:
            await self.output.emit(replace(_ASKING, finished=True))

    def keep_prompt(self) -> None:
        """What the user said stays where a cancel came before anybody was asked."""
        messages = self.session.conversation.messages
        if len(messages) == self.before:
            messages.append(self.prompt)

    async def _tell_news(self) -> None:
        """The session's greeting, and that the log cannot be written; each once."""
        greeting, self.session.greeting = self.session.greeting, None
        log = self.services.log
        problem = None if log is None else log.problem
        known = self.services.known_to(self.session.id)
        if problem is not None and problem not in known:
            known.add(problem)
            await self.output.emit(Notice(problem))
        if greeting:
            await self.output.emit(Notice(greeting))

    async def _attempt(self, candidate: Candidate) -> TurnEnd:
        if candidate is self.candidates.small and self.small is not None:
            return await self._answer_small(self.small)
        return await self._delegate(candidate)

    async def _answer_small(self, small: Choice) -> TurnEnd:
        """The small model answers, with the tool to hand work on where it can call tools."""
        if self.record.features.values.get("courtesy"):
            small = _without_tools(small)
        tool = self._make_tool(small)
        choice = _with_tool(small, tool)

        async def choose_small() -> Choice:
            limit_results(self.session, choice)
            return choice

        try:
            return await run_turn(
                self.session, self.prompt, self.modes, self.output, self.meter, choose_small
            )
        finally:
            self.has_begun = len(self.session.conversation.messages) > self.before
            if tool is not None:
                tool.close()

    def _make_tool(self, small: Choice) -> GenerateTool | None:
        if small.tools == "none" or self.judge.large is None:
            return None
        if any(each.gate == "failed" for each in self.record.skipped):
            return None  # it would fail again, and be waited for again
        # Harmony and OpenAI's API take no dot in a function's name.
        name = NAME if small.tools == "text" else PLAIN_NAME
        return GenerateTool(
            name,
            self.session,
            self.prompt,
            self.before,
            self.modes,
            self.output,
            self.services,
            self.judge,
            self.candidates,
        )

    async def _delegate(self, candidate: Candidate) -> TurnEnd:
        """A large model answers, under a call that stands for it."""
        call = begin_call(self.record, candidate, self.prompt.said or self.prompt.text)
        await self.output.show(call)
        turn = self._large_turn(call)
        try:
            end = await turn.run(self.prompt, candidate)
            summary = summarise(candidate.label, turn.text, self.meter.record(end))
            await self._end_call(call, "failed" if turn.is_empty else "completed", summary)
            if turn.is_empty:
                note_failure(self.record, explain_empty(candidate.label))
        except AgentError as error:
            self.has_begun = turn.has_begun
            await self._end_call(call, "failed", error.message)
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self.output.settle()
        return end

    def _large_turn(self, call: ShownCall) -> LargeTurn:
        return LargeTurn(
            self.session,
            self.modes,
            self.output,
            self.meter,
            call.id,
            partial(self._show_progress, call),
            {"patience": self.services.settings.progress_timeout},
            counts=True,
        )

    async def _show_progress(self, call: ShownCall, text: str) -> None:
        await self.output.show(replace(call, content=(ShownText(text),)))

    async def _end_call(self, call: ShownCall, status: CallStatus, text: str) -> None:
        await self.output.show(replace(call, status=status, content=(ShownText(text),)))


def _without_tools(small: Choice) -> Choice:
    """For thanks and greetings: small models with tools look for something to do."""
    details = None if small.details is None else replace(small.details, tools="none")
    return replace(small, details=details)


def _with_tool(small: Choice, tool: GenerateTool | None) -> Choice:
    if tool is None:
        return small
    aliases = tuple((other, tool.name) for other in sorted(NAMES - {tool.name}))
    return replace(small, extra=(tool,), aliases=aliases)
