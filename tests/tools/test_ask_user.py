"""The tool ``ask_user``."""

from pathlib import Path
from typing import Any

import pytest

from acp_agent.errors import ClientError
from acp_agent.tools.ask_user import ASKED, DECLINED, AskUser
from acp_agent.tools.base import Outcome, Prepared
from acp_agent.tools.shown import ShownText
from tests.fixtures.fake_editor import FakeEditor
from tests.fixtures.workspace import make_workspace

pytestmark = pytest.mark.anyio

QUESTION = {"question": "Which one?", "choices": ["a", "b", "a"]}


async def ask(root: Path, editor: FakeEditor, arguments: dict[str, Any]) -> Outcome:
    prepared = await AskUser().prepare(arguments, make_workspace(root))
    assert isinstance(prepared, Prepared)
    assert prepared.action.kind == "none"
    return await prepared.run(editor)


async def test_the_answer_goes_to_the_model(tmp_path: Path) -> None:
    editor = FakeEditor(can_ask=True, answer="b")
    outcome = await ask(tmp_path, editor, QUESTION)
    assert editor.asked == [("Which one?", ("a", "b"))]
    assert outcome.text == "The user answers: b"
    assert not outcome.ends_turn


async def test_no_answer_is_told(tmp_path: Path) -> None:
    outcome = await ask(tmp_path, FakeEditor(can_ask=True), QUESTION)
    assert outcome.text == DECLINED
    assert not outcome.ends_turn


async def test_without_forms_the_question_ends_the_turn(tmp_path: Path) -> None:
    editor = FakeEditor()
    outcome = await ask(tmp_path, editor, QUESTION)
    assert outcome == Outcome(ASKED, shown=(ShownText("Which one?\n- a\n- b"),), ends_turn=True)
    assert not editor.asked


async def test_a_form_that_fails_is_asked_without_one(tmp_path: Path) -> None:
    editor = FakeEditor(can_ask=True, answer=ClientError("No such method."))
    outcome = await ask(tmp_path, editor, QUESTION)
    assert outcome == Outcome(ASKED, shown=(ShownText("Which one?\n- a\n- b"),), ends_turn=True)


@pytest.mark.parametrize("arguments", [{}, {"question": ""}, {"question": "a", "choices": [""]}])
async def test_wrong_questions_are_told(tmp_path: Path, arguments: dict[str, Any]) -> None:
    outcome = await AskUser().prepare(arguments, make_workspace(tmp_path))
    assert isinstance(outcome, Outcome)
    assert outcome.failed
