"""A turn in mode ``panel``: all candidates answer, one answer is shown and kept.

Owns the turn's course, its history and its figures. Does not own who is asked
(``candidates``), asking them (``round``, ``asking``) nor the vote (``strategies``).
"""

from dataclasses import dataclass, field, replace
from uuid import uuid4

import anyio

from acp_agent.backends.base import Notice, Progress, TextDelta
from acp_agent.config.panel_settings import PanelStrategy
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import AgentError, BackendError, BackendUnavailable
from acp_agent.routing.gates import short_name
from acp_agent.sessions.session import Session
from acp_agent.telemetry.turns import timestamp
from acp_agent.turn.choice import choose
from acp_agent.turn.loop import TurnEnd
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes, Seat
from acp_agent.turn.output import Source, TurnOutput
from acp_agent.turn.panel.asking import Asked, SharedPrompt
from acp_agent.turn.panel.candidates import Lineup, PanelCandidate
from acp_agent.turn.panel.judge import make_head
from acp_agent.turn.panel.mode import MODE, SAMPLES, STRATEGY, explain_nobody, make_options
from acp_agent.turn.panel.record import CandidateRecord, PanelRecord
from acp_agent.turn.panel.round import Round
from acp_agent.turn.panel.services import PanelServices
from acp_agent.turn.panel.shown import (
    Board,
    begin_call,
    describe_left_out,
    describe_vote,
    explain_no_quorum,
    explain_too_few,
)
from acp_agent.turn.panel.verdict import Answered, AskHead, Strategy, Verdict

_PIECE = 2000
"""Characters of the answer that are sent at once."""

_CHOOSING = Progress("panel-vote", "Choosing between the answers")
_REFUSED = "No candidate of the panel answered, and {count} refused to."
_UNFORESEEN = "It failed for a reason that was not foreseen."
_NO_JUDGE = "Nobody can judge the answers."
_NOBODY_VALID = "No answer of the panel can be shown. {reason}"


async def answer_panel(
    session: Session,
    prompt: UserMessage,
    modes: Modes,
    output: TurnOutput,
    meter: Meter,
    services: PanelServices,
) -> TurnEnd:
    """Answers ``prompt`` with the answer that a panel of candidates comes to; none of them is
    offered tools.

    Cancelling the caller stops all of them; what was shown of the answer until then stays in
    the history, marked as interrupted. A prompt that failed leaves nothing behind. The panel
    is logged however it ends.

    Raises:
        BackendUnavailable: too few can be asked; the message says what each lacks.
        BackendError: too few answered, or no answer can be shown.
    """
    await modes.refresh(MODE)
    modes.check(MODE)
    values = modes.option_values(session, MODE, make_options(services.roster))
    samples = int(values.get(SAMPLES, services.settings.samples))
    lineup = services.roster.line_up(modes.readiness, samples, session.models)
    strategy = _read_strategy(values[STRATEGY])
    record = _begin_record(session, services, strategy, lineup)
    turn = _PanelTurn(session, prompt, modes, output, meter, services, lineup, record)
    return await turn.run()


def _read_strategy(value: str) -> PanelStrategy:
    strategies: dict[str, PanelStrategy] = {"best_of": "best_of", "first_valid": "first_valid"}
    return strategies.get(value, "majority")


def _begin_record(
    session: Session, services: PanelServices, strategy: PanelStrategy, lineup: Lineup
) -> PanelRecord:
    settings = services.settings
    count = len(lineup.candidates)
    # The first valid answer is shown, however few there are: nobody votes.
    quorum = 1 if strategy == "first_valid" else settings.quorum or count // 2 + 1
    record = PanelRecord(
        uuid4().hex,
        timestamp(),
        session.id,
        strategy,
        quorum,
        settings.deadline,
        settings.temperature,
        head="" if lineup.head is None else lineup.head.name,
    )
    for each in lineup.left_out:
        record.candidates.append(
            CandidateRecord(each.name, outcome="left_out", problem=each.reason)
        )
    return record


@dataclass(slots=True)
class _PanelTurn:
    session: Session
    prompt: UserMessage
    modes: Modes
    output: TurnOutput
    meter: Meter
    services: PanelServices
    lineup: Lineup
    record: PanelRecord
    prompts: dict[Seat, SharedPrompt] = field(default_factory=dict[Seat, SharedPrompt])

    async def run(self) -> TurnEnd:
        messages = self.session.conversation.messages
        before = len(messages)
        start = anyio.current_time()
        messages.append(self.prompt)
        try:
            end = await self._answer()
        except Exception as error:
            self.record.error = error.message if isinstance(error, AgentError) else _UNFORESEEN
            if len(messages) == before + 1:
                del messages[before:]
            raise
        except anyio.get_cancelled_exc_class():
            self.record.cancelled = True
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self.output.settle()
            self.record.seconds = anyio.current_time() - start
            self.services.keep(self.record)
        if end == "refusal":
            # A refused prompt is not part of the next one (ACP, StopReason).
            del messages[before:]
        return end

    async def _answer(self) -> TurnEnd:
        self.session.disagreement = None
        self._check_lineup()
        await self._tell_news()
        strategy = await self._make_strategy()
        asked = await self._begin_calls()
        board = asked[0].board
        panel = Round(asked, board, strategy, self.record.quorum, self.record.deadline)
        try:
            await panel.run()
        finally:
            self._count(asked)
            for prompt in self.prompts.values():
                prompt.restore_untaken()
        if not panel.answers and self.record.is_refused:
            refused = self.record.count("refused")
            await self.output.emit(Notice(_REFUSED.format(count=refused)))
            return "refusal"
        if len(panel.answers) < self.record.quorum or not panel.answers:
            raise BackendError(explain_too_few(self.record))
        verdict = panel.verdict or await self._decide(strategy, panel.answers)
        winner = next((each for each in asked if each.candidate.name == verdict.winner), None)
        self._note_verdict(verdict, len(panel.answers))
        if winner is None:
            raise BackendError(_NOBODY_VALID.format(reason=verdict.reason))
        await self.output.emit(Notice(describe_vote(self.record, verdict, panel.unneeded)))
        await self._say(winner, asked)
        return winner.stop_reason or "end_turn"

    def _check_lineup(self) -> None:
        if not self.lineup.candidates:
            raise BackendUnavailable(f"Mode {MODE} is not ready: {explain_nobody(self.lineup)}")
        if self.record.quorum > len(self.lineup.candidates):
            raise BackendUnavailable(explain_no_quorum(self.lineup, self.record.quorum))

    async def _tell_news(self) -> None:
        greeting, self.session.greeting = self.session.greeting, None
        if greeting:
            await self.output.emit(Notice(greeting))
        if self.lineup.left_out:
            await self.output.emit(Notice(describe_left_out(self.lineup.left_out)))

    async def _make_strategy(self) -> Strategy:
        return self.services.make_strategy(
            self.record.strategy,
            self.services.settings,
            candidates=[each.name for each in self.lineup.candidates],
            run_test=self.services.find_tester(self.session),
            ask_head=await self._find_head(),
        )

    async def _find_head(self) -> AskHead | None:
        """Who judges; None where nobody can. Only one strategy needs it."""
        if self.record.strategy != "best_of":
            return None
        if self.lineup.head is None:
            await self.output.emit(Notice(f"{_NO_JUDGE} {self.lineup.head_problem}".rstrip()))
            return None
        try:
            found = await choose(self.session, self.modes, self.lineup.head)
        except AgentError as error:
            await self.output.emit(Notice(f"{_NO_JUDGE} {error.message}"))
            return None
        return make_head(
            found.backend,
            found.model,
            self.prompt.text,
            seconds=self.record.deadline,
            thought_levels=found.details.thought_levels if found.details else (),
        )

    async def _begin_calls(self) -> list[Asked]:
        """Shows a call per candidate; each has a branch of the output, for its answer."""
        board = Board(self.output)
        head = self.lineup.head or self.lineup.candidates[0].seat
        self._ask_meter(head)
        asked: list[Asked] = []
        for number, each in enumerate(self.lineup.candidates, 1):
            call = begin_call(self.record, each, number, len(self.lineup.candidates))
            await board.begin(each.name, call)
            source = Source(each.seat.mode, short_name(each.seat.model), call.id)
            branch = self.output.branch(source, counts=True)
            record = CandidateRecord(each.name, each.seat.mode, short_name(each.seat.model))
            self.record.candidates.append(record)
            asked.append(Asked(each, record, self._prompt_for(each, board), board, branch))
        return asked

    def _prompt_for(self, candidate: PanelCandidate, board: Board) -> SharedPrompt:
        seat = candidate.seat
        prompt = self.prompts.get(seat)
        if prompt is None:
            shared = self.session, self.modes, seat, self.services.settings
            prompt = self.prompts[seat] = SharedPrompt(*shared, board, self.meter.take)
        prompt.names.append(candidate.name)
        return prompt

    def _ask_meter(self, seat: Seat) -> None:
        self.meter.ask(self.modes.backends[seat.mode].name, MODE, seat.model)

    def _count(self, asked: list[Asked]) -> None:
        """All candidates' figures are the turn's, those of the ones that were cut off too."""
        for each in asked:
            if each.figures is not None:
                self.meter.take(each.figures)

    async def _decide(self, strategy: Strategy, answers: list[Answered]) -> Verdict:
        """The vote; where somebody has to judge or a test to run, the user sees that."""
        if self.record.strategy != "best_of" and self.services.settings.test_command is None:
            return await strategy.decide(answers)
        await self.output.emit(_CHOOSING)
        verdict = await strategy.decide(answers)
        await self.output.emit(replace(_CHOOSING, finished=True))
        return verdict

    def _note_verdict(self, verdict: Verdict, answers: int) -> None:
        self.record.groups = [list(group) for group in verdict.groups]
        self.record.winner = verdict.winner or ""
        if answers > 1:
            self.record.agreement = verdict.agreement
            if not verdict.is_by_likeness:
                self.session.disagreement = 1 - verdict.agreement

    async def _say(self, winner: Asked, asked: list[Asked]) -> None:
        """The winner's answer, once, as its own; what was shown of it is kept."""
        self._ask_meter(winner.candidate.seat)
        messages = self.session.conversation.messages
        text, shown = winner.text, 0
        answer = AssistantMessage(text)
        usage = winner.usage or winner.prompt.estimate(answer)
        self._note_usage(winner, asked, answer)
        try:
            while shown < len(text):
                piece = TextDelta(text[shown : shown + _PIECE])
                self.meter.take(piece)
                await winner.output.emit(piece)
                shown += len(piece.text)
        finally:
            if shown:
                messages.append(AssistantMessage(text[:shown], interrupted=shown < len(text)))
        if usage is not None:
            await winner.output.emit(usage)

    def _note_usage(self, winner: Asked, asked: list[Asked], answer: AssistantMessage) -> None:
        """What each model's server counted is known for its next request."""
        for prompt in self.prompts.values():
            own = [each for each in asked if each.prompt is prompt and each.usage is not None]
            best = winner if winner in own else next(iter(own), None)
            if best is not None and best.usage is not None:
                prompt.note_answer(best.usage, answer, is_own=best is winner)
