"""The tool ``update_plan``."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from acp_agent.conversation import PlanStep
from acp_agent.tools.base import Outcome, Prepared
from acp_agent.tools.update_plan import MOST_STEPS, UpdatePlan
from tests.fixtures.fake_editor import FakeEditor
from tests.fixtures.workspace import make_workspace

pytestmark = pytest.mark.anyio


async def test_the_plan_is_shown(tmp_path: Path) -> None:
    steps = [
        {"step": "Find it", "status": "completed"},
        {"step": "Repair it", "status": "in_progress"},
        {"step": "Test it", "status": "pending"},
    ]
    prepared = await UpdatePlan().prepare({"steps": steps}, make_workspace(tmp_path))
    assert isinstance(prepared, Prepared)
    assert prepared.action.kind == "none"
    editor = FakeEditor()
    outcome = await prepared.run(editor)
    assert editor.plans == [
        (
            PlanStep("Find it", "completed"),
            PlanStep("Repair it", "in_progress"),
            PlanStep("Test it", "pending"),
        )
    ]
    assert outcome == Outcome("The user sees the plan: 1 of 3 steps completed.")
    jsonschema.validate({"steps": steps}, UpdatePlan.tool.parameters)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "steps is missing"),
    ({"steps": [{}]}, "steps.0.step is missing"),
    ({"steps": [{"step": "a", "status": "done"}]}, "steps.0.status must be 'pending'"),
    ({"steps": [{"step": "a"}] * (MOST_STEPS + 1)}, "steps may have at most"),
]


@pytest.mark.parametrize(("arguments", "problem"), WRONG)
async def test_wrong_plans_are_told(
    tmp_path: Path, arguments: dict[str, Any], problem: str
) -> None:
    outcome = await UpdatePlan().prepare(arguments, make_workspace(tmp_path))
    assert isinstance(outcome, Outcome)
    assert outcome.failed
    assert problem in outcome.text
