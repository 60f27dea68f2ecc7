"""Commands of the real agent, in mode ``full``: nothing outside the roots is written.

Each mechanism of Linux in turn; what a mechanism keeps from is ``tests/tools/commands/sandbox``'s.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Json
from tests.e2e.full_editor import full_editor
from tests.e2e.session import open_session
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, ToolUse
from tests.fixtures.ollama_server import OllamaServer
from tests.tools.commands.sandbox.boxes import mechanism, project_and_beside

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the mechanisms of Linux"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project and what lies beside it, in no temporary folder."""
    with project_and_beside() as found:
        yield found


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ``PATH`` with which the agent takes the mechanism that the test names."""
    mechanism(request.param)
    if request.param == "Landlock":
        (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


def allow(question: Json) -> str:
    """The containment must keep a command from writing, and not that nobody allowed it."""
    return next(each["optionId"] for each in question["options"] if each["kind"] == "allow_once")


@pytest.mark.parametrize("abilities", [(), ("terminals",)])
@pytest.mark.parametrize("path", ["Bubblewrap", "Landlock"], indirect=True)
async def test_a_command_writes_inside_only(
    abilities: tuple[str, ...], path: str, isolated_home: Path, folder: Path
) -> None:
    beside = folder / "beside" / "file"
    commands = [f"echo new > {beside}", "echo new > ../beside/new", "echo new > inside"]
    server = OllamaServer(models=[OllamaModel("m:latest", ("completion", "tools"))])
    calls = [ToolUse("run_command", {"command": command}) for command in commands]
    server.queue = [*(Reply((call,)) for call in calls), Reply((Content("Done."),))]
    async with server.running():
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url) | {"PATH": path}
        async with full_editor(environ, *abilities, choose=allow) as editor:
            session = await open_session(editor, str(folder / "project"), "ollama")
            await editor.set_config_option(session.id, "permissions", "full")
            turn = await session.ask("Write.")
            assert await turn.stop_reason() == "end_turn"
    last = {each["toolCallId"]: each.get("status") for each in turn.updates("tool_call_update")}
    assert list(last.values())[-3:] == ["failed", "failed", "completed"]
    assert beside.read_text() == "old"
    assert [each.name for each in beside.parent.iterdir()] == ["file"]
    assert (folder / "project" / "inside").read_text() == "new\n"
    assert editor.questions == []
    told = [each["content"] for each in server.chats[-1]["messages"] if each["role"] == "tool"]
    name = "bubblewrap" if "exit 1" not in _first_bwrap(path) else "Landlock"
    assert all(f"contained by {name}" in each for each in told[:2])


def _first_bwrap(path: str) -> str:
    first = Path(path.partition(os.pathsep)[0]) / "bwrap"
    return first.read_text() if first.exists() else ""
