"""The tool ``update_plan``: the steps of a task, shown to the user.

Owns reading the steps. Does not own keeping or drawing them (the editor).
Source: https://agentclientprotocol.com/protocol/v1/agent-plan
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from pydantic import Field

from acp_agent.conversation import PlanStep, Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import (
    Arguments,
    Editor,
    Kind,
    Outcome,
    Prepared,
    read_arguments,
)
from acp_agent.tools.workspace import Workspace

MOST_STEPS = 50
MOST_TEXT = 500


class Step(Arguments):
    """A step as a model writes it."""

    step: str = Field(min_length=1, max_length=MOST_TEXT)
    status: Literal["pending", "in_progress", "completed"] = "pending"


class UpdatePlanArguments(Arguments):
    """The arguments of ``update_plan``."""

    steps: list[Step] = Field(max_length=MOST_STEPS)


_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "step": {"type": "string"},
                    "status": {"enum": ["pending", "in_progress", "completed"]},
                },
                "required": ["step", "status"],
            },
        }
    },
    "required": ["steps"],
}
"""The same by hand: the generated one has references, which many models cannot follow."""


class UpdatePlan:
    """Shows the plan. Implements ``RunnableTool``."""

    tool = Tool("update_plan", "Show the user the whole plan of a long task.", _PARAMETERS)
    kind: Kind = "think"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return "Update the plan"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        given = read_arguments(UpdatePlanArguments, arguments)
        if isinstance(given, Outcome):
            return given
        steps = [PlanStep(each.step, each.status) for each in given.steps]
        return Prepared(Action("none"), partial(_run, steps))


async def _run(steps: list[PlanStep], editor: Editor) -> Outcome:
    await editor.show_plan(steps)
    completed = sum(step.status == "completed" for step in steps)
    return Outcome(f"The user sees the plan: {completed} of {len(steps)} steps completed.")
