"""Running the tool calls of an answer.

Owns a call's way from the model to its result: checked, allowed, run, told. Does not own
the tools (``acp_agent.tools``), what is allowed (``acp_agent.permissions``), how a call is
first shown (``turn/output``), nor what is done with the results (``turn/loop``).
"""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import anyio

from acp_agent.backends.base import Plan, ToolCallRequested
from acp_agent.conversation import PlanStep, ToolCall, ToolResult
from acp_agent.errors import AgentError
from acp_agent.permissions import Allowed, Decision, Denied, Question, Scope, decide
from acp_agent.routing.generate import NAMES
from acp_agent.sessions.session import Session
from acp_agent.tools.actions import Action
from acp_agent.tools.base import CHANGING, CONCURRENT, Outcome, RunnableTool, Toolbox
from acp_agent.tools.shown import Shown, ShownText
from acp_agent.tools.workspace import Workspace
from acp_agent.turn.output import ShownCall, TurnOutput, call_requested
from acp_agent.turn.results import cap

_log = logging.getLogger(__name__)

MOST_CALLS = 32
"""Calls of one answer that are made; small models may repeat one without end."""

CANCELLED = "The user cancelled the turn before this call was done."
CUT_OFF = (
    "The user cancelled the turn; this call may or may not have taken effect. Look before you "
    "rely on either."
)
NOT_ALLOWED = (
    "This call was refused: the user gave no permission. Do not try the same in another way: "
    "go on without it, or end your answer and ask."
)
ASKED_FIRST = (
    "This call was not made: the user answers your question first. Make it then, if it is still "
    "right."
)
TOO_MANY = (
    f"This call was not made: {MOST_CALLS} of this answer were. Read their results first, and make "
    "fewer at a time."
)
_FAILED = "The tool failed; acp-agent's log has the reason."

ResultT = TypeVar("ResultT")


@dataclass(slots=True, frozen=True)
class Settled:
    """What came of a call; ``has_changed`` says whether it changed files, ``is_answer``
    whether the user has read an answer of it."""

    result: ToolResult
    ends_turn: bool = False
    has_changed: bool = False
    is_answer: bool = False


@dataclass(slots=True, eq=False)
class Caller:
    """Runs the calls of one answer to tools of ``toolbox``."""

    session: Session
    workspace: Workspace
    output: TurnOutput
    toolbox: Toolbox
    _is_over: bool = False
    _made: int = 0
    _shown: "list[_Shown]" = field(default_factory=list["_Shown"])

    async def run_all(
        self, calls: Sequence[ToolCallRequested], settled: dict[int, Settled]
    ) -> None:
        """Runs ``calls``: at the same time where none changes anything, else in order.

        ``settled`` takes what came of each, by its index; of those that a cancel cut off
        nothing. They were shown when the model asked for them.
        """
        self._shown = [self._as_shown(requested.call) for requested in calls]

        async def run(index: int) -> None:
            settled[index] = await self._run(calls[index], self._shown[index])

        if len(calls) > 1 and all(map(self._is_concurrent, calls)):
            async with anyio.create_task_group() as tasks:
                for index in range(len(calls)):
                    tasks.start_soon(run, index)
            return
        for index in range(len(calls)):
            await run(index)

    def cut_off(self, index: int, requested: ToolCallRequested) -> Settled:
        """What the model is told of a call that a cancel kept from its end.

        Its work may be done, where only the telling was cut off.
        """
        call, text = requested.call, CUT_OFF if self._shown[index].has_begun else CANCELLED
        return Settled(ToolResult(call.id, call.name, text, failed=True))

    def _as_shown(self, call: ToolCall) -> "_Shown":
        return _Shown(self.output, call_requested(call, self.toolbox.find(call.name)))

    async def _run(self, requested: ToolCallRequested, shown: "_Shown") -> Settled:
        """Runs one call and shows how it goes.

        A call with a fault, to a tool that is not there, or that fails, has a result too.
        """
        name = requested.call.name
        tool = self.toolbox.find(name)
        arguments = shown.call.arguments
        outcome = self._refuse(requested, tool, arguments)
        if outcome is None and tool is not None and arguments is not None:
            outcome = await self._make(tool, arguments, shown)
        assert outcome is not None
        text = cap(outcome.text, self.workspace.result_limit)
        content = (ShownText(text),) if outcome.shown is None else outcome.shown
        status = "failed" if outcome.failed else "completed"
        await shown.change(status=status, content=content or shown.call.content)
        result = ToolResult(requested.call.id, name, text, failed=outcome.failed)
        self._is_over |= outcome.ends_turn
        has_changed = tool is not None and tool.kind in CHANGING and not outcome.failed
        return Settled(result, outcome.ends_turn, has_changed, outcome.is_answer)

    def _is_concurrent(self, requested: ToolCallRequested) -> bool:
        tool = self.toolbox.find(requested.call.name)
        return tool is not None and (tool.kind in CONCURRENT or tool.tool.name in NAMES)

    def _refuse(
        self,
        requested: ToolCallRequested,
        tool: RunnableTool | None,
        arguments: Mapping[str, Any] | None,
    ) -> Outcome | None:
        """Why the call cannot be made, None if it can."""
        if self._is_over:
            return Outcome(ASKED_FIRST, failed=True)
        if self._made >= MOST_CALLS:
            return Outcome(TOO_MANY, failed=True)
        if tool is None:
            unknown = self.toolbox.explain_unknown(requested.call.name)
            return Outcome(unknown, failed=True)
        if requested.fault:
            return Outcome(f"The call was not made. {requested.fault}", failed=True)
        if arguments is None:
            return Outcome("The call was not made. The arguments are no JSON object.", failed=True)
        return None

    async def _make(
        self, tool: RunnableTool, arguments: Mapping[str, Any], shown: "_Shown"
    ) -> Outcome:
        self._made += 1
        prepared = await _guarded(tool, tool.prepare(arguments, self.workspace))
        if isinstance(prepared, Outcome):
            return prepared
        title = prepared.title or shown.call.title
        arguments = {**arguments, **prepared.facts}
        await shown.change(
            title=title, places=prepared.places, content=prepared.shown, arguments=arguments
        )
        refused = await self._permit(prepared.action, shown)
        if refused is not None:
            return refused
        if not (prepared.asks_user and self.output.can_ask_user):
            await shown.change(status="in_progress")
        shown.has_begun = not prepared.asks_user
        return await _guarded(tool, prepared.run(_CallEditor(self.session, self.output, shown)))

    async def _permit(self, action: Action, shown: "_Shown") -> Outcome | None:
        """Asks the user where that is needed; None if the call may be made."""
        decision = self._decide(action)
        if isinstance(decision, Question):
            async with self.session.consent.asking:
                decision = self._decide(action)  # an answer to another call may settle this one
                if isinstance(decision, Question):
                    decision = await self._ask(decision, shown)
        if isinstance(decision, Denied):
            return Outcome(decision.reason, failed=True)
        return None

    def _decide(self, action: Action) -> Decision:
        workspace = self.workspace
        scope = Scope(workspace.roots, workspace.private, _find_home())
        return decide(action, scope, self.session.permissions, self.session.grants)

    async def _ask(self, question: Question, shown: "_Shown") -> Decision:
        chosen = await self.output.ask_call(shown.call, question.options, question.reason)
        option = next((each for each in question.options if each.id == chosen), None)
        if option is not None and option.grant is not None:
            self.session.grants.append(option.grant)
        return Allowed() if option is not None and option.allows else Denied(NOT_ALLOWED)


class _Shown:
    """One call as the user sees it; ``has_begun``: it may have had an effect."""

    def __init__(self, output: TurnOutput, call: ShownCall) -> None:
        self._output = output
        self.call = call
        self.has_begun = False

    async def change(self, **changes: Any) -> None:
        self.call = replace(self.call, **changes)
        await self._output.show(self.call)


class _CallEditor:
    """The editor, for a call that runs. Implements ``tools.base.Editor``."""

    def __init__(self, session: Session, output: TurnOutput, shown: _Shown) -> None:
        self._session = session
        self._output = output
        self._shown = shown

    @property
    def call(self) -> str:
        return self._shown.call.id

    async def show(self, *shown: Shown) -> None:
        await self._shown.change(content=shown)

    async def show_plan(self, steps: Sequence[PlanStep]) -> None:
        self._session.plan = tuple(steps)
        await self._output.emit(Plan(self._session.plan))

    @property
    def can_ask(self) -> bool:
        return self._output.can_ask_user

    async def ask(self, question: str, choices: Sequence[str]) -> str | None:
        """Asks; the call is pending as long as it waits for the user."""
        await self._shown.change(status="pending")
        try:
            answer = await self._output.ask_user(question, choices)
        except AgentError:
            await self._shown.change(status="in_progress")
            raise
        await self._shown.change(status="in_progress")
        return answer


def _find_home() -> Path | None:
    """The user's home with all links followed; None where the system knows none."""
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


async def _guarded(tool: RunnableTool, work: Awaitable[ResultT]) -> ResultT | Outcome:
    try:
        return await work
    except Exception:
        # A defect of ours must not end the turn: the model can go another way.
        _log.exception("the tool %s failed", tool.tool.name)
        return Outcome(_FAILED, failed=True)
