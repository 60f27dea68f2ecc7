"""The tiny gpt-oss works with the agent's own tools, through the official SDKs.

Its calls are made on real files and with real commands, and asked about where that is due.
"""

import os
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.e2e.editor import Editor, Json, Question, Spawn
from tests.e2e.gptoss import check_played, running_gptoss
from tests.e2e.session import OpenSession, Turn, open_session
from tests.tiny_gptoss.dialogues import (
    FIX,
    LIST,
    READ,
    REMOVE,
    REMOVE_REFUSED,
    SEARCH,
    TESTS,
    Call,
    Dialogue,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

WRONG = "def add(a, b):\n    return a - b\n"
PASSING = "def test_nothing():\n    assert True\n"


@pytest.fixture(scope="module")
def environ(
    run_folder: Path, tiny_gptoss: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Agents whose gpt-oss is the tiny one, and whose commands find this Python's pytest."""
    programs = tmp_path_factory.mktemp("programs")
    script = programs / "pytest"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest "$@"\n')
    script.chmod(0o755)
    with running_gptoss(tiny_gptoss, run_folder) as environ:
        yield {**environ, "PATH": f"{programs}{os.pathsep}{environ['PATH']}"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with all that the dialogues are about."""
    (tmp_path / "notes.txt").write_text("The release is planned for Friday.\n")
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(PASSING)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "calc.o").touch()
    return tmp_path


@pytest.fixture
async def editor(spawn: Spawn, environ: dict[str, str]) -> AsyncGenerator[Editor]:
    async with spawn(environ) as editor:
        yield editor


async def test_reading_listing_and_searching_are_not_asked_about(
    editor: Editor, project: Path
) -> None:
    session = await open_session(editor, str(project))
    told = {each.prompt: _unfenced(await _text(session, each)) for each in (READ, LIST, SEARCH)}
    assert told[READ.prompt] == "The release is planned for Friday."
    assert told[LIST.prompt].split() == ["build/", "calc.py", "notes.txt", "test_calc.py"]
    assert told[SEARCH.prompt] == "calc.py:1:def add(a, b):"
    assert not editor.questions


async def test_a_bug_is_fixed(editor: Editor, project: Path) -> None:
    session = await open_session(editor, str(project))
    turn = await _ask(session, FIX, "allow_once")
    [read, written] = await check_played(turn, FIX)
    content = _call(FIX, 1).arguments["content"]
    assert (project / "calc.py").read_text() == content
    assert read["statuses"] == written["statuses"] == ["pending", "in_progress", "completed"]
    file = str(project / "calc.py")
    assert written["content"] == [
        {"type": "diff", "path": file, "oldText": WRONG, "newText": content}
    ]
    [question] = editor.questions
    assert question.params["toolCall"]["toolCallId"] == written["toolCallId"]


async def test_tests_are_run(editor: Editor, project: Path) -> None:
    session = await open_session(editor, str(project))
    turn = await _ask(session, TESTS, "allow_once")
    [run] = await check_played(turn, TESTS)
    assert run["statuses"] == ["pending", "in_progress", "completed"]
    shown = run["content"][0]["content"]["text"]
    assert "1 passed" in shown
    assert "Exit code 0." in shown


@pytest.mark.parametrize(
    ("answer", "dialogue", "end"),
    [
        ("allow_once", REMOVE, ["pending", "in_progress", "completed"]),
        ("reject_once", REMOVE_REFUSED, ["pending", "failed"]),
    ],
    ids=["allowed", "not-allowed"],
)
async def test_a_folder_is_removed_only_with_leave(
    editor: Editor, project: Path, answer: str, dialogue: Dialogue, end: list[str]
) -> None:
    session = await open_session(editor, str(project))
    turn = await _ask(session, dialogue, answer)
    [removed] = await check_played(turn, dialogue)
    assert removed["statuses"] == end
    assert (project / "build").exists() is (dialogue is REMOVE_REFUSED)


async def test_a_refused_call_can_be_allowed_in_the_next_turn(
    editor: Editor, project: Path
) -> None:
    session = await open_session(editor, str(project))
    await check_played(await _ask(session, REMOVE_REFUSED, "reject_once"), REMOVE_REFUSED)
    await check_played(await _ask(session, REMOVE, "allow_once"), REMOVE)
    assert not (project / "build").exists()


async def _ask(session: OpenSession, dialogue: Dialogue, kind: str) -> Turn:
    """The turn of ``dialogue``, in which one question is answered with the option ``kind``."""
    count = len(session.editor.questions) + 1
    async with session.asking(dialogue.prompt) as turn:
        question = await session.editor.next_question(count)
        question.choose(_option(question, kind))
    assert len(session.editor.questions) == count
    return turn


async def _text(session: OpenSession, dialogue: Dialogue) -> str:
    """What the one call of ``dialogue`` shows."""
    [call] = await check_played(await session.ask(dialogue.prompt), dialogue)
    assert call["statuses"] == ["pending", "in_progress", "completed"]
    return call["content"][0]["content"]["text"]


def _option(question: Question, kind: str) -> str:
    options: list[Json] = question.params["options"]
    [found] = [option["optionId"] for option in options if option["kind"] == kind]
    return found


def _call(dialogue: Dialogue, index: int) -> Call:
    step = dialogue.steps[index]
    assert isinstance(step, Call)
    return step


def _unfenced(text: str) -> str:
    assert text.startswith("```\n")
    return text.removeprefix("```\n").removesuffix("\n```")
