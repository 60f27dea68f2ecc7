"""Running a large model in the place of the small one.

Owns the attempts, one candidate after the other, and what is kept of a failed one. Does not
own who the candidates are (``candidates``), nor the large model's rounds (``turn/loop``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from acp_agent.backends.base import Notice
from acp_agent.conversation import AssistantMessage, Message, ToolResult, UserMessage
from acp_agent.errors import AgentError, BackendUnavailable
from acp_agent.routing.decisions import DecisionRecord, Gate, Skipped
from acp_agent.routing.gates import Candidate, is_local_gpt_oss, short_name
from acp_agent.routing.generate import NAME, NAMES
from acp_agent.sessions.session import Session
from acp_agent.tools.ask_user import ASKED
from acp_agent.tools.base import Toolbox, parse_object
from acp_agent.turn.auto.candidates import Line
from acp_agent.turn.auto.shown import DelegatedOutput
from acp_agent.turn.choice import Choice, choose
from acp_agent.turn.loop import TurnEnd, run_turn
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes, Seat
from acp_agent.turn.output import Source, TurnOutput

_NESTED = (
    f"There is no {NAME} here: you are the larger model. Do the task yourself, with the other "
    "tools: {names}."
)

_LASTING: frozenset[Gate] = frozenset({"not_ready", "not_installed"})
"""Gates that stay closed until the user does something."""


class DelegatedToolbox(Toolbox):
    """A session's tools for a large model, which cannot delegate again."""

    def explain_unknown(self, name: str) -> str:
        """As ``Toolbox``; a nested delegation is refused in words of its own."""
        if name not in NAMES:
            return super().explain_unknown(name)
        return _NESTED.format(names=", ".join(tool.name for tool in self.tools))


@dataclass(slots=True, frozen=True)
class DelegatedChoice(Choice):
    """What answers in a delegation."""

    def toolbox(self, session: Session) -> Toolbox:
        """The session's tools."""
        return DelegatedToolbox(session.toolbox)


async def choose_large(
    session: Session, modes: Modes, candidate: Candidate, changes: Mapping[str, Any]
) -> Choice:
    """``candidate`` as it answers in ``session``, with ``changes`` to how it is asked.

    Raises:
        BackendError: it is not ready any more.
    """
    assert candidate.model is not None
    found = await choose(session, modes, Seat(candidate.mode, candidate.model.id))
    return DelegatedChoice(found.backend, found.model, found.details, found.level, **changes)


def explain_nobody(record: DecisionRecord) -> str:
    """Why nobody can answer, with what each candidate lacks."""
    reasons = " ".join(f"{each.candidate}: {each.reason.rstrip('.')}." for each in record.skipped)
    return f"No model can take this task now. {reasons}".strip()


def explain_substitute(record: DecisionRecord, candidate: Candidate) -> str:
    """That ``candidate`` answers in the place of others, and why."""
    passed = [each for each in record.skipped if each.candidate != candidate.name]
    reasons = " ".join(f"{each.candidate}: {each.reason.rstrip('.')}." for each in passed)
    return f"{candidate.label} answers instead. {reasons}"


@dataclass(slots=True)
class Attempts:
    """Tries the candidates of a line in turn.

    ``attempt`` runs one, and says in the record's words whether anything was seen of it:
    then its error is the turn's. ``told`` are sentences that the user knows.
    """

    record: DecisionRecord
    output: TurnOutput
    told: set[str]

    async def run(
        self,
        line: Line,
        attempt: Callable[[Candidate], Awaitable[TurnEnd]],
        has_begun: Callable[[], bool],
    ) -> TurnEnd:
        """The end of the first candidate's turn that did not fail at once.

        Raises:
            BackendUnavailable: there is no candidate.
            AgentError: the last one failed, or one in the middle of its answer.
        """
        last = next((each for each in reversed(line) if isinstance(each, Candidate)), None)
        for each in line:
            if isinstance(each, Skipped):
                self.record.skipped.append(each)
                continue
            await self._tell_substitute(each)
            self.record.effective = each.name
            try:
                return await attempt(each)
            except AgentError as error:
                if has_begun() or each is last:
                    raise
                self.record.skipped.append(Skipped(each.name, "failed", error.message))
        why = explain_nobody(self.record)
        raise BackendUnavailable(f"{why} Send the prompt again later, or choose another mode.")

    async def _tell_substitute(self, candidate: Candidate) -> None:
        """Says that somebody else answers than was decided; of GPT-OSS from another server
        only once, since its calls name it and nothing of that changes soon."""
        if not self.record.skipped or candidate.name == self.record.selected:
            return
        text = explain_substitute(self.record, candidate)
        is_same = candidate.model is not None and is_local_gpt_oss(candidate.model)
        if is_same and all(each.gate in _LASTING for each in self.record.skipped):
            if text in self.told:
                return
            self.told.add(text)
        await self.output.emit(Notice(text))


@dataclass(slots=True)
class LargeTurn:
    """A turn of a large model's in ``session``, shown below the call ``call``.

    ``changes`` are to how it is asked; ``counts`` as for ``TurnOutput.branch``.
    """

    session: Session
    modes: Modes
    output: TurnOutput
    meter: Meter
    call: str
    tell: Callable[[str], Awaitable[None]]
    changes: Mapping[str, Any]
    counts: bool = False
    written: DelegatedOutput | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything of an answer was shown."""
        return self.written is not None and self.written.has_begun

    @property
    def label(self) -> str:
        """Who answers, for the user."""
        return "The larger model" if self.written is None else self.written.label

    @property
    def text(self) -> str:
        """What was said."""
        return "" if self.written is None else self.written.text

    @property
    def is_empty(self) -> bool:
        """Whether neither a word was said nor a call made."""
        return not self.text.strip() and not (self.written and self.written.has_worked)

    @property
    def question(self) -> str | None:
        """What the user is asked at the turn's end; None where it does not end so."""
        return _find_question(self.session.conversation.messages)

    async def run(self, prompt: UserMessage, candidate: Candidate) -> TurnEnd:
        """Lets ``candidate`` answer ``prompt``.

        Raises:
            AgentError: as ``turn.loop.run_turn``.
        """
        assert candidate.model is not None
        source = Source(candidate.mode, short_name(candidate.model.id), self.call)
        branch = self.output.branch(source, counts=self.counts)
        self.written = DelegatedOutput(branch, self.tell, candidate.label)

        async def choose_this() -> Choice:
            return await choose_large(self.session, self.modes, candidate, self.changes)

        return await run_turn(
            self.session, prompt, self.modes, self.written, self.meter, choose_this
        )


def _find_question(messages: Sequence[Message]) -> str | None:
    results = list(takewhile(lambda each: isinstance(each, ToolResult), reversed(messages)))
    asked = [
        each.call_id for each in results if isinstance(each, ToolResult) and each.text == ASKED
    ]
    last = messages[-len(results) - 1] if asked else None
    calls = last.tool_calls if isinstance(last, AssistantMessage) else ()
    call = next((call for call in calls if call.id in asked), None)
    if call is None:
        return None
    return str((parse_object(call.arguments) or {}).get("question", ""))


def sub_session(session: Session, name: str, history: int) -> Session:
    """A session of a delegation's own, with the first ``history`` messages of ``session``;
    ``name`` tells it from others.

    It has the same tools and permissions; what the user answers holds for both. Its plan is
    its own: of several delegations none must take another's back.
    """
    child = replace(
        session,
        id=f"{session.id}.{name}",
        conversation=replace(
            session.conversation, messages=session.conversation.messages[:history]
        ),
        contexts={},
        greeting=None,
        plan=(),
    )
    if session.workspace is not None:
        child.workspace = replace(session.workspace)
    return child
