"""A failing test is repaired through the official SDKs: search, read, edit, run, pass.

The model is a script behind a real Ollama socket; the agent, its tools, the files and the
processes are real.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Editor, Json, Spawn
from tests.e2e.full_editor import FullEditor, full_editor
from tests.e2e.session import Turn, open_session
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, ToolUse
from tests.fixtures.ollama_server import OllamaServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

BROKEN = "def add(a, b):\n    return a - b\n"
# Of another length: Python trusts compiled code of the same second and the same size.
FIXED = "def add(a, b):\n    return sum((a, b))\n"
TEST = """import unittest

from calc import add


class TestAdd(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""
RUN = f"{shlex.quote(sys.executable)} -m unittest -q"
PROMPT = "Find where add is defined, fix it, run the tests."
PLAN: Sequence[tuple[str, dict[str, object]]] = (
    ("search", {"pattern": "def add"}),
    ("read_file", {"path": "calc.py"}),
    ("run_command", {"command": RUN}),
    (
        "edit_file",
        {"path": "calc.py", "old_text": "return a - b", "new_text": "return sum((a, b))"},
    ),
    ("run_command", {"command": RUN}),
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project with a function that is wrong, and its test."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "calc.py").write_text(BROKEN)
    (folder / "test_calc.py").write_text(TEST)
    return folder


def playing_server() -> OllamaServer:
    """A server whose model plays ``PLAN`` call by call and then says so."""
    model = OllamaModel("coder:latest", capabilities=("completion", "tools"))
    server = OllamaServer(models=[model])
    for name, arguments in PLAN:
        server.queue.append(Reply((ToolUse(name, arguments),)))
    server.queue.append(Reply((Content("Fixed: add returns the sum now."),)))
    return server


def allow(question: Json) -> str:
    """The user allows it once."""
    return next(o["optionId"] for o in question["options"] if o["kind"] == "allow_once")


async def answer_all(editor: Editor, turn: Turn) -> None:
    """Allows every call that asks, until the turn is over."""
    for count in range(1, 4):
        question = await editor.next_question(count)
        question.choose(allow(question.params))
    assert await turn.stop_reason() == "end_turn"


def states(turn: Turn) -> list[tuple[str, list[str]]]:
    """The kind and the states of each of the model's calls, in order."""
    kinds: dict[str, str] = {}
    states: dict[str, list[str]] = {}
    for update in turn.updates():
        if update["sessionUpdate"] in ("tool_call", "tool_call_update"):
            call = update["toolCallId"]
            kinds[call] = update.get("kind") or kinds[call]
            states.setdefault(call, []).extend(filter(None, [update.get("status")]))
    # Loading the model is shown as a call of kind "other".
    return [(kinds[call], states[call]) for call in states if kinds[call] != "other"]


def assert_repaired(turn: Turn, repository: Path) -> None:
    """Fails unless the file is right and the editor saw each step."""
    assert (repository / "calc.py").read_text() == FIXED
    done, failed = ["pending", "in_progress", "completed"], ["pending", "in_progress", "failed"]
    assert states(turn) == [
        ("search", done),
        ("read", done),
        ("execute", failed),
        ("edit", done),
        ("execute", done),
    ]
    diffs = [
        each
        for update in turn.updates("tool_call_update")
        for each in update.get("content") or ()
        if each["type"] == "diff"
    ]
    assert diffs, "the change was never shown"
    for diff in diffs:
        assert (diff["oldText"], diff["newText"]) == (BROKEN, FIXED)
        assert diff["path"] == str(repository / "calc.py")
    assert turn.answer == "Fixed: add returns the sum now."


async def test_a_failing_test_is_repaired(
    spawn: Spawn, isolated_home: Path, repository: Path
) -> None:
    async with playing_server().running() as server:
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(repository), "ollama")
            async with session.asking(PROMPT) as turn:
                await answer_all(editor, turn)
            assert_repaired(turn, repository)
        last = server.chats[-1]["messages"][-1]
        assert last["role"] == "tool"
        assert "OK" in last["content"]


@pytest.mark.parametrize("abilities", [(), ("files",), ("terminals",), ("files", "terminals")])
async def test_the_editors_own_files_and_terminals_are_used(
    abilities: tuple[str, ...], isolated_home: Path, repository: Path
) -> None:
    async with playing_server().running() as server:
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with full_editor(environ, *abilities, choose=allow) as editor:
            session = await open_session(editor, str(repository), "ollama")
            turn = await session.ask(PROMPT)
            assert await turn.stop_reason() == "end_turn"
            assert_repaired(turn, repository)
            assert_abilities_used(editor, turn, repository)


def assert_abilities_used(editor: FullEditor, turn: Turn, repository: Path) -> None:
    """Fails unless what the editor offers was used, and only that."""
    file = str(repository / "calc.py")
    terminals = [
        each["terminalId"]
        for update in turn.updates("tool_call_update")
        for each in update.get("content") or ()
        if each["type"] == "terminal"
    ]
    assert (file in editor.read, file in editor.written) == (editor.has_files,) * 2
    assert sorted(set(terminals)) == sorted(editor.terminals)
    assert len(editor.terminals) == (2 if editor.has_terminals else 0)
