"""A delegation as the user sees it: a call with its reason, its progress and a summary.

Owns the words and what is noted of the answer as it passes. Does not own the wire
(``protocol/output``) nor running the delegation (``delegation``).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from acp_agent.backends.base import Event, Progress, TextDelta, ThoughtDelta
from acp_agent.permissions import Option
from acp_agent.routing.decisions import DecisionRecord
from acp_agent.routing.gates import Candidate
from acp_agent.routing.generate import NAME
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.tools.shown import ShownText
from acp_agent.turn.output import ShownCall, Source, TurnOutput

_EVERY = 64
"""Pieces of an answer between two words on how long it is."""
_PROMPT = 1000
"""Characters of the prompt that the call repeats."""
_QUOTED = 280
"""Characters of the answer in the summary."""


def title(label: str, task: str) -> str:
    """What the call is called: the tool, the model and the task."""
    return f"{NAME}: {label}, {task.replace('_', ' ')}"


def describe_task(record: DecisionRecord) -> str:
    """The task in a few words: the kind that was proposed, else why it is delegated."""
    if record.proposal is not None and record.proposal.task_class != "other":
        return record.proposal.task_class
    if not record.decision.delegate:
        return "in the small model's place"
    return _TASKS.get(record.decision.reason_code, "heavy task")


_TASKS = {
    "explicit_request": "as asked for",
    "needs_external_tools": "task with tools",
    "needs_large_context": "long context",
}


def explain(record: DecisionRecord) -> str:
    """Why a large model answers: the decision's reason, or who cannot answer in its place."""
    if record.decision.delegate or not record.skipped:
        return record.decision.reason
    return f"{record.skipped[-1].reason} {record.decision.reason}"


def facts(record: DecisionRecord, candidate: Candidate) -> dict[str, object]:
    """What the call shows of the decision, as raw input."""
    decision = record.decision
    return {
        "model": candidate.name,
        "reason": explain(record),
        "reason_code": decision.reason_code,
        "score": round(decision.score, 3),
        "threshold": round(decision.threshold, 3),
        "decision": record.id,
    }


def begin_call(record: DecisionRecord, candidate: Candidate, prompt: str) -> ShownCall:
    """The call that stands for the delegation of the user's ``prompt``."""
    task = describe_task(record)
    kind = "other" if record.proposal is None else record.proposal.task_class
    shortened = prompt if len(prompt) <= _PROMPT else f"{prompt[:_PROMPT]}…"
    return ShownCall(
        f"delegation-{record.id}",
        title(candidate.label, task),
        status="in_progress",
        arguments={"user_prompt": shortened, "task_type": kind, **facts(record, candidate)},
        content=(ShownText(explain(record)),),
    )


def summarise(label: str, text: str, figures: TurnRecord | None) -> str:
    """How the delegation went, in a few lines."""
    measured: list[str] = []
    if figures is not None and figures.generated_tokens is not None:
        measured.append(f"{figures.generated_tokens:,} tokens")
    if figures is not None:
        measured.append(f"{figures.total_seconds:.1f} s")
    told = f" ({', '.join(measured)})" if measured else ""
    said = " ".join(text.split())
    if not said:
        return f"{label} gave no text{told}."
    quoted = said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
    return f"{label} answered{told}.\n{quoted}"


@dataclass(slots=True)
class DelegatedOutput:
    """Where a delegated model writes: a branch of the turn's output, noted as it passes.

    Progress goes into the call that stands for the delegation (``tell``). Implements
    ``turn.output.TurnOutput``.
    """

    branch_output: TurnOutput
    tell: Callable[[str], Awaitable[None]]
    label: str
    pieces: list[str] = field(default_factory=list[str])
    has_begun: bool = False
    has_worked: bool = False

    @property
    def text(self) -> str:
        """What the model has said."""
        return "".join(self.pieces)

    async def emit(self, event: Event) -> None:
        """Shows ``event``."""
        if isinstance(event, Progress):
            if not event.finished:
                await self.tell(_describe(event))
            return
        if isinstance(event, TextDelta | ThoughtDelta):
            await self._note(event)
        await self.branch_output.emit(event)

    async def _note(self, event: TextDelta | ThoughtDelta) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self.tell(f"{self.label} is answering.")
        if isinstance(event, TextDelta):
            self.pieces.append(event.text)
            if len(self.pieces) % _EVERY == 0:
                count = sum(map(len, self.pieces))
                await self.tell(f"{self.label} is answering: {count:,} characters so far.")

    async def show(self, call: ShownCall) -> None:
        """Shows a call of the delegated model's."""
        self.has_begun = True
        self.has_worked |= call.status == "completed"
        await self.branch_output.show(call)

    async def ask(self, title: str, detail: str) -> bool:
        """As ``TurnOutput.ask``."""
        return await self.branch_output.ask(title, detail)

    async def ask_call(self, call: ShownCall, options: Sequence[Option], reason: str) -> str | None:
        """As ``TurnOutput.ask_call``."""
        return await self.branch_output.ask_call(call, options, reason)

    @property
    def can_ask_user(self) -> bool:
        """As ``TurnOutput.can_ask_user``."""
        return self.branch_output.can_ask_user

    async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
        """As ``TurnOutput.ask_user``."""
        return await self.branch_output.ask_user(question, choices)

    def branch(self, source: Source, *, counts: bool = False) -> TurnOutput:
        """As ``TurnOutput.branch``."""
        return self.branch_output.branch(source, counts=counts)

    async def settle(self) -> None:
        """As ``TurnOutput.settle``."""
        await self.branch_output.settle()


def _describe(progress: Progress) -> str:
    """A step in words."""
    if progress.done is None or not progress.total:
        return f"{progress.title} …"
    return f"{progress.title}: {min(100, 100 * progress.done // progress.total)} %"
