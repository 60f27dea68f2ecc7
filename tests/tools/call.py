"""Calls of tools in tests, as the turn makes them when all is allowed."""

from collections.abc import Sequence
from typing import Any

from acp_agent.conversation import PlanStep
from acp_agent.tools.base import Outcome, Prepared, RunnableTool
from acp_agent.tools.shown import Shown
from acp_agent.tools.workspace import Workspace


class FakeEditor:
    """An editor that cannot ask and keeps what it is shown. Implements ``tools.base.Editor``."""

    call = "call-1"
    can_ask = False

    def __init__(self) -> None:
        self.shown: list[tuple[Shown, ...]] = []

    async def show(self, *shown: Shown) -> None:
        self.shown.append(shown)

    async def show_plan(self, steps: Sequence[PlanStep]) -> None:
        raise AssertionError(steps)

    async def ask(self, question: str, choices: Sequence[str]) -> str | None:
        raise AssertionError(question)


async def prepare(tool: RunnableTool, workspace: Workspace, **arguments: Any) -> Prepared:
    """The call, which must be one that can be made."""
    prepared = await tool.prepare(arguments, workspace)
    assert isinstance(prepared, Prepared), prepared.text
    return prepared


async def call(tool: RunnableTool, workspace: Workspace, **arguments: Any) -> Outcome:
    """What comes of the call."""
    prepared = await tool.prepare(arguments, workspace)
    return await prepared.run(FakeEditor()) if isinstance(prepared, Prepared) else prepared


async def refusal(tool: RunnableTool, workspace: Workspace, **arguments: Any) -> str:
    """What the model is told of a call that must fail."""
    outcome = await call(tool, workspace, **arguments)
    assert outcome.failed, outcome.text
    return outcome.text


async def told(tool: RunnableTool, workspace: Workspace, **arguments: Any) -> str:
    """What the model is told of a call that must not fail."""
    outcome = await call(tool, workspace, **arguments)
    assert not outcome.failed, outcome.text
    return outcome.text
