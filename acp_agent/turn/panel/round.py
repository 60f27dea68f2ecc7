"""The round of a panel: all candidates asked at the same time, until the vote is decided.

Owns deadlines, what becomes of each candidate, and ending those that are not needed. Does
not own one request (``asking``), the vote (``strategies``) nor the turn (``turn``).
"""

import logging
from dataclasses import dataclass, field

import anyio

from acp_agent.errors import AgentError
from acp_agent.turn.output import CallStatus
from acp_agent.turn.panel.asking import Asked
from acp_agent.turn.panel.record import Outcome
from acp_agent.turn.panel.shown import Board, summarise
from acp_agent.turn.panel.verdict import Answered, Strategy, Verdict

_LOG = logging.getLogger(__name__)

_UNFORESEEN = "It failed for a reason that was not foreseen; acp-agent's log file has the details."
_REFUSED = "It refused to answer."
_STOPPED = "Ended: the vote was decided without it."
_HOPELESS = "Ended: too few candidates are left for a vote."
_LATE = "It gave no whole answer within {seconds:g} seconds (panel.deadline)."


@dataclass(slots=True)
class Round:
    """The candidates of one panel. ``quorum`` answers are needed, each within ``deadline``
    seconds; ``answers`` are those that came, in that order, ``noted`` how many of them the
    strategy has seen."""

    asked: list[Asked]
    board: Board
    strategy: Strategy
    quorum: int
    deadline: float
    answers: list[Answered] = field(default_factory=list[Answered])
    verdict: Verdict | None = None
    noted: int = 0
    _waiting: int = 0
    _scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _noting: anyio.Lock = field(default_factory=anyio.Lock)

    async def run(self) -> None:
        """Asks all, and shows how they get on; ``verdict`` is there where it came early.

        Never raises but when it is cancelled: that ends them all.
        """
        self._waiting = len(self.asked)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.board.run)
            with self._scope:
                async with anyio.create_task_group() as streams:
                    for each in self.asked:
                        streams.start_soon(self._run_one, each)
            why = _STOPPED if len(self.answers) >= self.quorum else _HOPELESS
            for each in self.asked:
                if each.record.outcome == "cancelled":
                    self._end(each, "stopped", why)
            self.board.close()

    @property
    def unneeded(self) -> int:
        """The answers that came in the moment when the vote was decided without them."""
        return 0 if self.verdict is None else len(self.answers) - self.noted

    async def _run_one(self, asked: Asked) -> None:
        start = anyio.current_time()
        try:
            await self._ask(asked)
        finally:
            asked.record.seconds = anyio.current_time() - start
        self._waiting -= 1
        if asked.record.outcome == "answered":
            # Shown here: how long it took is known by now.
            self._end(asked, "answered", summarise(asked.text, asked.record))
            await self._note(asked)
        if len(self.answers) + self._waiting < self.quorum:
            self._scope.cancel()

    async def _ask(self, asked: Asked) -> None:
        """Waits for the answer; what became of it is in the record."""
        try:
            with anyio.move_on_after(self.deadline) as limit:
                await asked.ask()
        except AgentError as error:
            self._end(asked, "failed", error.message)
            return
        except Exception:
            # One broken backend must not keep the others from answering.
            _LOG.exception("a candidate of a panel failed")
            self._end(asked, "failed", _UNFORESEEN)
            return
        self._note_usage(asked)
        if limit.cancelled_caught and asked.stop_reason is None:
            self._end(asked, "late", _LATE.format(seconds=self.deadline))
        elif asked.stop_reason == "refusal":
            self._end(asked, "refused", _REFUSED)
        elif problem := asked.explain_empty():
            self._end(asked, "empty", problem)
        else:
            asked.record.outcome = "answered"

    def _note_usage(self, asked: Asked) -> None:
        if asked.usage is not None:
            asked.record.prompt_tokens = asked.usage.input_tokens
            asked.record.generated_tokens = asked.usage.output_tokens

    async def _note(self, asked: Asked) -> None:
        """Counts the answer; ends the others where none of them can change the vote."""
        assert asked.stop_reason is not None
        answered = Answered(asked.candidate.name, asked.text, asked.stop_reason)
        self.answers.append(answered)
        async with self._noting:
            try:
                verdict = await self.strategy.note(answered)
            except Exception:
                _LOG.exception("an answer of a panel was not counted as it came")
                return
        self.noted += 1
        # Before the quorum more answers are waited for, and the vote has to count them too.
        if verdict is not None and self.noted >= self.quorum:
            self.verdict = verdict
            self._scope.cancel()

    def _end(self, asked: Asked, outcome: Outcome, text: str) -> None:
        asked.record.outcome = outcome
        if outcome not in ("answered", "stopped"):
            asked.record.problem = text
        well: CallStatus = "completed" if outcome in ("answered", "stopped") else "failed"
        self.board.end(asked.candidate.name, well, text)
