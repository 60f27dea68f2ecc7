"""The agent's tools in every kind of editor: with and without files and terminals, whatever
the user answers, and cancelled wherever it waits (issue 4, acceptance 2 and 3)."""

from itertools import product
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.turn.calls import NOT_ALLOWED
from tests.protocol.agent import Working, working
from tests.protocol.editor import NEVER, EditorClient, Refusal
from tests.rpc.connection import LIMIT

pytestmark = pytest.mark.anyio

PERMISSION = "session/request_permission"
READ, WRITE, WAIT = "fs/read_text_file", "fs/write_text_file", "terminal/wait_for_exit"
PLAN: list[tuple[str, dict[str, Any]]] = [
    ("read_file", {"path": "a.txt"}),
    ("edit_file", {"path": "a.txt", "old_text": "old", "new_text": "new"}),
    ("run_command", {"command": "printf ran > ran.txt; printf here"}),
]
FS: dict[str, dict[str, bool]] = {
    "no files": {},
    "reads": {"readTextFile": True},
    "writes": {"writeTextFile": True},
    "reads and writes": {"readTextFile": True, "writeTextFile": True},
}
ANSWERS = ("allow", "reject", "cancelled", "error", "nonsense")


def capabilities(fs: str, terminal: bool) -> dict[str, Any]:
    return {"fs": FS[fs], "terminal": terminal}


def prepare(root: Path, editor: EditorClient, answer: str = "allow") -> Path:
    """A file that the editor has changed without saving it; and the user's answers."""
    path = root / "a.txt"
    path.write_text("old, saved\n")
    editor.files[str(path)] = "old, unsaved\n"
    editor.commands = lambda _: ("there", {"exitCode": 0})

    def permission(params: dict[str, Any]) -> Any:
        kinds = {option["kind"]: option["optionId"] for option in params["options"]}
        assert {"allow_once", "reject_once"} <= kinds.keys()
        return {
            "allow": {"outcome": {"outcome": "selected", "optionId": kinds["allow_once"]}},
            "reject": {"outcome": {"outcome": "selected", "optionId": kinds["reject_once"]}},
            "cancelled": {"outcome": {"outcome": "cancelled"}},
            "error": Refusal(),
            "nonsense": {"outcome": {"outcome": "selected", "optionId": "whatever"}},
            "never": NEVER,
        }[answer]

    editor.answers[PERMISSION] = permission
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
@pytest.mark.parametrize("fs", FS)
async def test_what_is_allowed_is_done_where_the_editor_wants_it(
    root: Path, fs: str, terminal: bool
) -> None:
    async with working(root, PLAN, capabilities(fs, terminal)) as work:
        path = prepare(root, work.editor)
        await work.start()
        assert await work.end() == "end_turn"
    read, edit, run = work.results
    assert not [each for each in work.results if each.failed]
    found = "unsaved" if "readTextFile" in FS[fs] else "saved"
    assert f"old, {found}" in read.text
    by_editor = "writeTextFile" in FS[fs]
    assert path.read_text() == ("old, saved\n" if by_editor else f"new, {found}\n")
    assert work.editor.files[str(path)] == (f"new, {found}\n" if by_editor else "old, unsaved\n")
    assert "a.txt" in edit.text
    assert ("there" if terminal else "here") in run.text
    assert (root / "ran.txt").exists() is not terminal
    assert ("terminal" in work.contents) is terminal
    assert len(work.editor.params(PERMISSION)) == 2
    check_methods(work, fs, terminal)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
@pytest.mark.parametrize("fs", FS)
@pytest.mark.parametrize("answer", [each for each in ANSWERS if each != "allow"])
async def test_what_is_not_allowed_is_told_to_the_model_and_not_done(
    root: Path, fs: str, terminal: bool, answer: str
) -> None:
    async with working(root, PLAN, capabilities(fs, terminal)) as work:
        path = prepare(root, work.editor, answer)
        await work.start()
        assert await work.end() == "end_turn"
    assert [each.failed for each in work.results] == [False, True, True]
    assert [each.text for each in work.results[1:]] == [NOT_ALLOWED, NOT_ALLOWED]
    check_nothing_done(work, path)
    assert [each[-1] for each in work.statuses.values()] == ["completed", "failed", "failed"]
    assert all("in_progress" not in each for each in list(work.statuses.values())[1:])
    check_methods(work, fs, terminal)


@pytest.mark.parametrize(("fs", "terminal"), list(product(FS, [True, False])))
async def test_a_question_without_an_answer_waits_as_pending_until_the_cancel(
    root: Path, fs: str, terminal: bool
) -> None:
    async with working(root, PLAN, capabilities(fs, terminal)) as work:
        path = prepare(root, work.editor, "never")
        await work.start()
        question = (await work.editor.asked(PERMISSION))["params"]["toolCall"]
        assert question["status"] == "pending"
        assert question["content"][-1]["type"] == "diff"
        assert question["locations"][0] == {"path": str(path), "line": 1}
        assert question["rawInput"] == PLAN[1][1]
        assert await work.cancel() == "cancelled"
    assert work.statuses[question["toolCallId"]] == ["pending", "failed"]
    assert work.editor.withdrawn == [PERMISSION]
    check_nothing_done(work, path)


async def test_a_late_yes_after_the_cancel_does_nothing(root: Path) -> None:
    async with working(root, PLAN, capabilities("reads and writes", True)) as work:
        path = prepare(root, work.editor, "never")
        await work.start()
        option = (await work.editor.asked(PERMISSION))["params"]["options"][0]["optionId"]
        work.editor.notify("session/cancel", {"sessionId": work.session})
        yes = {"outcome": {"outcome": "selected", "optionId": option}}
        work.editor.reply(work.editor.open(PERMISSION), yes)
        assert await work.end() == "cancelled"
        await anyio.wait_all_tasks_blocked()
    check_nothing_done(work, path)


@pytest.mark.parametrize("method", [READ, WRITE, "terminal/create", WAIT, "terminal/output"])
async def test_a_cancel_while_the_editor_works_settles_everything(root: Path, method: str) -> None:
    async with working(root, PLAN, capabilities("reads and writes", True)) as work:
        path = prepare(root, work.editor)
        work.editor.answers[method] = NEVER
        await work.start()
        await work.editor.asked(method)
        assert await work.cancel() == "cancelled"
        await work.editor.asked("$/cancel_request")
    assert method in work.editor.withdrawn
    last = list(work.statuses.values())[-1]
    assert last == ["pending", "in_progress", "failed"]
    assert path.read_text() == "old, saved\n"


async def test_a_terminal_that_comes_after_the_cancelled_turn_is_released(root: Path) -> None:
    async with working(root, PLAN, capabilities("reads and writes", True)) as work:
        prepare(root, work.editor)
        work.editor.answers["terminal/create"] = NEVER
        work.editor.commands = lambda _: ("", None)
        await work.start()
        await work.editor.asked("terminal/create")
        assert await work.cancel() == "cancelled"
        opened = work.editor.create({})
        work.editor.reply(work.editor.open("terminal/create"), opened)
        await work.editor.until(lambda _: work.editor.live_terminals == [])


async def test_a_cancel_ends_a_command_of_our_own(root: Path) -> None:
    plan = [("run_command", {"command": "printf started; sleep 60; printf late > late.txt"})]
    async with working(root, plan, capabilities("no files", False)) as work:
        prepare(root, work.editor)
        await work.start()
        await work.editor.update("tool_call_update", has="started")
        assert await work.cancel() == "cancelled"
    assert not (root / "late.txt").exists()


async def test_a_file_that_changed_in_the_editor_while_asked_is_not_overwritten(
    root: Path,
) -> None:
    async with working(root, PLAN, capabilities("reads and writes", True)) as work:
        path = prepare(root, work.editor)
        allow = work.editor.answers[PERMISSION]

        def change_first(params: dict[str, Any]) -> Any:
            work.editor.files[str(path)] = "old, and typed meanwhile\n"
            return allow(params)

        work.editor.answers[PERMISSION] = change_first
        await work.start()
        assert await work.end() == "end_turn"
    assert work.results[1].failed
    assert "changed" in work.results[1].text
    assert work.editor.files[str(path)] == "old, and typed meanwhile\n"


async def test_a_new_file_is_shown_as_one_and_its_folder_is_made(root: Path) -> None:
    plan = [("write_file", {"path": "deep/new.txt", "content": "hello\n"})]
    async with working(root, plan, capabilities("reads and writes", False)) as work:
        prepare(root, work.editor)
        await work.start()
        assert await work.end() == "end_turn"
    path = root / "deep" / "new.txt"
    (question,) = work.editor.params(PERMISSION)
    assert question["toolCall"]["content"][-1] == {
        "type": "diff",
        "path": str(path),
        "newText": "hello\n",
    }
    assert work.editor.files[str(path)] == "hello\n"
    assert path.parent.is_dir()


async def test_a_permitted_file_that_the_editor_refuses_comes_from_the_disk(root: Path) -> None:
    project, outside = root / "project", root / "outside.txt"
    project.mkdir()
    outside.write_text("outside\n")
    plan = [("read_file", {"path": str(outside)})]
    async with working(project, plan, capabilities("reads and writes", False)) as work:
        prepare(project, work.editor)
        await work.start()
        assert await work.end() == "end_turn"
    assert work.editor.methods == [PERMISSION, READ]
    assert "outside" in work.results[0].text
    assert not work.results[0].failed


@pytest.mark.parametrize("has_forms", [True, False])
async def test_the_model_can_ask_the_user_in_a_form(root: Path, has_forms: bool) -> None:
    plan = [("ask_user", {"question": "Which colour?", "choices": ["red", "blue"]})]
    offered: dict[str, Any] = {"elicitation": {"form": {}}} if has_forms else {}
    async with working(root, plan, offered) as work:
        answer = {"action": "accept", "content": {"answer": "blue"}}
        work.editor.answers["elicitation/create"] = answer
        await work.start()
        assert await work.end() == "end_turn"
    if has_forms:
        assert "blue" in work.results[0].text
    else:
        assert work.editor.methods == []
        assert "Which colour?" in str(work.editor.updates("tool_call_update")[-1]["content"])


@pytest.mark.parametrize("method", [PERMISSION, WRITE, WAIT])
async def test_an_editor_that_goes_away_does_not_keep_the_agent(root: Path, method: str) -> None:
    async with working(root, PLAN, capabilities("reads and writes", True)) as work:
        prepare(root, work.editor)
        work.editor.answers[method] = NEVER
        work.editor.answers["terminal/release"] = NEVER
        await work.start()
        await work.editor.asked(method)
        work.editor.close()
        with anyio.fail_after(LIMIT):
            await work.editor.ended.wait()
        assert (await work.editor.result(work.prompt))["stopReason"] == "cancelled"


def check_nothing_done(work: Working, path: Path) -> None:
    """Nothing was written, nothing run."""
    assert path.read_text() == "old, saved\n"
    assert work.editor.files[str(path)] == "old, unsaved\n"
    assert not (path.parent / "ran.txt").exists()
    assert not work.editor.terminals


def check_methods(work: Working, fs: str, terminal: bool) -> None:
    """The editor was asked only for what it offers."""
    used = set(work.editor.methods) - {PERMISSION}
    offered = {READ} if "readTextFile" in FS[fs] else set[str]()
    offered |= {WRITE} if "writeTextFile" in FS[fs] else set()
    assert {each for each in used if each.startswith("fs/")} <= offered
    assert any(each.startswith("terminal/") for each in used) <= terminal
