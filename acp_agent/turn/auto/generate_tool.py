"""The tool ``gptoss.generate`` in a session of mode ``auto``: the small model hands work on.

Owns a call's way through the decision and the gates to a turn of the large model's, and
what the small model is told of it. Does not own the arguments (``routing/generate``), nor
running the turn (``delegation``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import anyio
import anyio.to_thread

from acp_agent.conversation import AssistantMessage, Tool, ToolResult, UserMessage
from acp_agent.errors import AgentError
from acp_agent.routing.decisions import DecisionRecord, Skipped
from acp_agent.routing.generate import (
    DESCRIPTION,
    TASK_TYPES,
    GenerateArguments,
    find_fault,
    generate_schema,
)
from acp_agent.sessions.session import Session
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.tools.actions import Action
from acp_agent.tools.base import Editor, Kind, Outcome, Prepared, read_arguments
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import Workspace
from acp_agent.turn.auto.candidates import Candidates, Line, first_of, line_up
from acp_agent.turn.auto.delegation import Attempts, LargeTurn, explain_nobody, sub_session
from acp_agent.turn.auto.judging import Judge
from acp_agent.turn.auto.outcome import UNFORESEEN, explain_empty, keep, note_end, note_failure
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.auto.shown import facts, summarise, title
from acp_agent.turn.calls import CUT_OFF
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput
from acp_agent.turn.results import cap

RESULT_LIMIT = 16 * 1024
"""Bytes of an answer that the small model is told at most."""

_PART = "{prompt}\n\n(Of this, do the following part:)\n{part}"
_FOLDER = "\n\n(This is about the folder {folder}.)"
_LIGHT = (
    "The call was not made. {reason} Answer the user yourself, with the other tools if need be."
)
_TOLD = (
    "{label} answered the user directly: they have read the whole text below in the editor. Do "
    "not repeat it. Add what is still missing, or end with one short sentence."
)
_FAILED = "The larger model could not do it. {reason} Tell the user so, or do it yourself."
_EMPTY = "{label} gave no text. Say so, or do the task yourself."
_ASKS = (
    "{label} asks the user: {question}\nTheir next message is the answer. Call again then, with "
    "the whole task and the answer."
)
_SILENT = (
    "{label} worked with tools and ended without a word. Look at what it changed before you go on."
)
_AGAIN = (
    "You handed this on before in this turn, and the user has read the answer: do not repeat "
    "it. Add what is still missing, or end with one short sentence."
)
_CUT = "{label} did not get to its end ({end}). The user has read what there is of its answer."


@dataclass(slots=True)
class GenerateTool:
    """``gptoss.generate`` for one turn of ``session``, which answers ``prompt``.

    ``before`` counts the messages that stood before the prompt. Implements
    ``tools.base.RunnableTool``.
    """

    name: str
    session: Session
    prompt: UserMessage
    before: int
    modes: Modes
    output: TurnOutput
    services: AutoServices
    judge: Judge
    candidates: Candidates
    kind: Kind = "other"
    # Small models make a call again that went well; at a temperature above 0 no two answers
    # are alike, so the loop's own guard does not see it.
    _answered: set[str] = field(default_factory=set[str])
    _texts: dict[str, str] = field(default_factory=dict[str, str])
    _open: dict[str, DecisionRecord] = field(default_factory=dict[str, DecisionRecord])

    @property
    def tool(self) -> Tool:
        """What the small model is told of it."""
        return _describe(self.name)

    def title(self, arguments: Mapping[str, Any]) -> str:
        """The call in a few words."""
        task = arguments.get("task_type")
        return title("GPT-OSS 20B", task if task in TASK_TYPES else "task")

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """Decides on the call; one that is refused is logged too."""
        wanted = read_arguments(GenerateArguments, arguments)
        if isinstance(wanted, Outcome):
            return wanted
        record = self.judge.judge_call(wanted, self.prompt.said or self.prompt.text)
        self._open[record.id] = record
        try:
            return await self._prepare(wanted, record, workspace)
        except Exception:
            note_failure(record, UNFORESEEN)
            self._keep(record)
            raise

    async def _prepare(
        self, wanted: GenerateArguments, record: DecisionRecord, workspace: Workspace
    ) -> Prepared | Outcome:
        look = partial(find_fault, wanted, workspace.roots)
        fault = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
        if fault is None and wanted.user_prompt.strip() in self._answered:
            fault = _AGAIN
        if fault is not None:
            return self._refuse(record, fault)
        if not record.decision.delegate:
            self._keep(record)
            return Outcome(_LIGHT.format(reason=record.decision.reason), failed=True)
        siblings = len(self._open) - 1
        line = await line_up(
            self.candidates, record, self.services, with_small=False, siblings=siblings
        )
        first = first_of(line)
        if first is None:
            record.skipped.extend(each for each in line if isinstance(each, Skipped))
            reason = explain_nobody(record)
            note_failure(record, reason)
            self._keep(record)
            return Outcome(_FAILED.format(reason=reason), failed=True)
        return Prepared(
            Action("none"),
            partial(self._run, wanted, record, line),
            title=title(first.label, wanted.task_type),
            shown=(ShownText(record.decision.reason),),
            facts=facts(record, first),
        )

    def close(self) -> None:
        """Keeps the decisions on calls that a cancel kept from being made, and in the history
        what the user has read of answers that the calls' results do not hold whole."""
        for record in tuple(self._open.values()):
            record.outcome.cancelled = True
            self._keep(record)
        messages = self.session.conversation.messages
        results = {each.call_id: each for each in messages if isinstance(each, ToolResult)}
        for call, text in self._texts.items():
            result = results.get(call)
            if result is None or text not in result.text:
                is_cut_off = result is None or result.text == CUT_OFF
                messages.append(AssistantMessage(text, interrupted=is_cut_off))

    def _refuse(self, record: DecisionRecord, fault: str) -> Outcome:
        # What follows the colon names folders, which the log does not hold.
        reason = fault.partition(":")[0].rstrip(".") + "."
        first = self.candidates.first_large
        record.selected = "" if first is None else first.name
        record.skipped.append(Skipped(record.selected, "refused", reason))
        note_failure(record, reason)
        self._keep(record)
        return Outcome(f"The call was not made. {fault}", failed=True)

    def _keep(self, record: DecisionRecord, figures: TurnRecord | None = None) -> None:
        self._open.pop(record.id, None)
        keep(record, self.services, figures)

    async def _run(
        self,
        wanted: GenerateArguments,
        record: DecisionRecord,
        line: Line,
        editor: Editor,
    ) -> Outcome:
        turn = self._turn(wanted, record, editor)
        attempts = Attempts(record, self.output, self.services.known_to(self.session.id))
        prompt = UserMessage(_spell(self.prompt.text, wanted))
        try:
            end = await attempts.run(line, partial(turn.run, prompt), lambda: turn.has_begun)
        except AgentError as error:
            note_failure(record, error.message)
            text = _FAILED.format(reason=error.message)
            return Outcome(self._with_answer(text, turn.text), failed=True)
        except Exception:
            note_failure(record, UNFORESEEN)
            raise
        except BaseException:
            record.outcome.cancelled = True
            raise
        else:
            note_end(record, end)
            if end == "end_turn" and turn.text.strip():
                self._answered.add(wanted.user_prompt.strip())
            return self._tell(record, turn, end)
        finally:
            if turn.text.strip():
                self._texts[editor.call] = turn.text
            self._end(record, turn)

    def _turn(self, wanted: GenerateArguments, record: DecisionRecord, editor: Editor) -> LargeTurn:
        async def tell(text: str) -> None:
            await editor.show(ShownText(text))

        changes = {
            "temperature": wanted.temperature,
            "max_tokens": wanted.max_tokens,
            "patience": self.services.settings.progress_timeout,
        }
        child = sub_session(self.session, record.id, self.before)
        meter = Meter()
        return LargeTurn(child, self.modes, self.output, meter, editor.call, tell, changes)

    def _tell(self, record: DecisionRecord, turn: LargeTurn, end: str) -> Outcome:
        label = turn.label
        figures = turn.meter.record(end)
        shown = (ShownText(summarise(label, turn.text, figures)),)
        if (question := turn.question) is not None:
            told = _ASKS.format(label=label, question=question)
            return Outcome(self._with_answer(told, turn.text), shown=shown, ends_turn=True)
        if turn.is_empty:
            note_failure(record, explain_empty(label))
            return Outcome(_EMPTY.format(label=label), failed=True, shown=shown)
        if not turn.text.strip():
            return Outcome(_SILENT.format(label=label), shown=shown)
        told = _TOLD.format(label=label)
        if end != "end_turn":
            told = _CUT.format(label=label, end=end)
        return Outcome(self._with_answer(told, turn.text), shown=shown, is_answer=True)

    def _with_answer(self, told: str, text: str) -> str:
        limit = RESULT_LIMIT
        if self.session.workspace is not None:
            limit = min(limit, self.session.workspace.result_limit * 3 // 4)
        return f"{told}\n\n{cap(text, limit)}" if text.strip() else told

    def _end(self, record: DecisionRecord, turn: LargeTurn) -> None:
        """Keeps the figures; that servers forget the delegation holds nobody up."""
        outcome = record.outcome
        figures = turn.meter.record(outcome.stop_reason, cancelled=outcome.cancelled)
        self._keep(record, figures)
        if figures is not None:
            self.services.record(figures)
        self.session.plan = turn.session.plan or self.session.plan
        self.services.ended.append(turn.session.id)


@cache
def _describe(name: str) -> Tool:
    return Tool(name, DESCRIPTION, generate_schema())


def _spell(prompt: str, wanted: GenerateArguments) -> str:
    """What the large model is asked: the part, the whole that it belongs to, and where."""
    part, root = wanted.user_prompt, wanted.workspace_root
    is_whole = part.strip() == prompt.strip()
    asked = prompt if is_whole else _PART.format(prompt=prompt, part=part)
    return asked if root is None else asked + _FOLDER.format(folder=root)
