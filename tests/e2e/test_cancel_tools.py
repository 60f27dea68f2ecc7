"""``session/cancel`` in every state of the loop: the real agent, files and processes.

After each cancel the same holds: stop reason ``cancelled``, every tool call settled, no
process and no terminal left, files old or new, and the session goes on.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import acp.schema
import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from tests.e2e.cancelled_work import MARK, OLD, marked, working
from tests.e2e.editor import LIMIT
from tests.e2e.holding_editor import HoldingEditor
from tests.fixtures.ollama_replies import Content, Hold, Thinking, ToolUse

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

NEW = OLD.replace("one = 1", "one = 2")
EDIT = ToolUse("edit_file", {"path": "a.py", "old_text": "one = 1", "new_text": "one = 2"})
TALK = "A sentence about the lighthouse and its keeper. " * 150
FAULTY = str(Path(__file__).parents[1] / "tools" / "mcp" / "faulty_server.py")
REPLACING = """
import os
_replace = os.replace
def replace(source, target, **rest):
    if ".acp-agent-" in str(source):
        open(os.environ["AT_REPLACE"], "w").close()
        open(os.environ["GO_ON"]).close()
    _replace(source, target, **rest)
os.replace = replace
"""
"""Between the new content's file and its coming into the place of the old one."""


def family(mark: str, *, daemon: bool) -> ToolUse:
    """A command with a child in the background, and one that leaves the group if wanted."""
    lines = [f"export {MARK}={mark}", "sleep 1000 & (sleep 1000; true) &"]
    lines += ["setsid sleep 1000 &"] if daemon else []
    lines += ["echo started", "trap '' TERM; sleep 1000"]
    return ToolUse("run_command", {"command": "\n".join(lines)})


async def until_running(mark: str, count: int) -> None:
    """Returns once ``count`` programs run with ``mark``."""
    with anyio.fail_after(LIMIT):
        while marked(mark).count("sleep") < count:
            await anyio.lowlevel.checkpoint()


async def test_while_the_model_thinks(isolated_home: Path) -> None:
    async with working(isolated_home, HoldingEditor()) as work:
        await work.editor.set_config_option(work.session.id, "thought_level", "on")
        async with work.asking(Thinking("Well"), Hold()) as turn:
            await turn.wait_for("agent_thought_chunk")
        with anyio.fail_after(LIMIT):
            await work.server.wait_left("/api/chat")
        await work.assert_goes_on()


async def test_between_a_call_and_the_end_of_the_answer(isolated_home: Path) -> None:
    async with working(isolated_home, HoldingEditor()) as work:
        async with work.asking(EDIT, Hold()) as turn:
            await turn.wait_for("tool_call", status="pending")
        assert work.content == OLD
        await work.assert_goes_on()


async def test_while_a_permission_is_pending(isolated_home: Path) -> None:
    more = ToolUse("run_command", {"command": "echo x"})
    async with working(isolated_home, HoldingEditor(), permissions="ask") as work:
        async with work.asking(EDIT, more) as turn:
            question = await work.editor.next_question()
        assert len(work.editor.questions) == 1
        asked = question.params["toolCall"]["toolCallId"]
        changes = [each for each in turn.updates() if each.get("toolCallId") == asked]
        assert [each["status"] for each in changes if "status" in each] == ["pending", "failed"]
        assert work.content == OLD
        await work.assert_goes_on()


@pytest.mark.parametrize("contain", ["true", "false"])
async def test_while_a_terminal_runs(isolated_home: Path, contain: str) -> None:
    editor = HoldingEditor("terminals")
    environ = {"ACP_AGENT_TOOLS_CONTAIN": contain}
    async with working(isolated_home, editor, environ) as work:
        async with work.asking(family(work.mark, daemon=False)) as turn:
            await editor.wait_until(lambda: "terminal-1" in str(turn.updates("tool_call_update")))
            await until_running(work.mark, 3)
        assert len(editor.terminals) == 1
        await work.assert_goes_on()


async def test_while_a_terminal_is_awaited(isolated_home: Path) -> None:
    editor = HoldingEditor("terminals", held="create_terminal")
    async with working(isolated_home, editor) as work:
        async with work.asking(ToolUse("run_command", {"command": "echo x"})):
            await editor.until_held()
        await work.assert_goes_on()


@pytest.mark.parametrize("contain", ["true", "false"])
async def test_while_a_command_of_our_own_runs(isolated_home: Path, contain: str) -> None:
    environ = {"ACP_AGENT_TOOLS_CONTAIN": contain}
    async with working(isolated_home, HoldingEditor(), environ) as work:
        async with work.asking(family(work.mark, daemon=True)):
            await until_running(work.mark, 4)
        await work.assert_goes_on()


def faulty(name: str, fault: str) -> acp.schema.McpServerStdio:
    """A server that does not do as it should."""
    return acp.schema.McpServerStdio(
        name=name, command=sys.executable, args=["-S", "-u", FAULTY, fault], env=[]
    )


async def test_while_a_server_works(isolated_home: Path) -> None:
    editor = HoldingEditor(servers=(faulty("tools", "normal"),))
    async with working(isolated_home, editor) as work:
        first = await work.session.ask("Hello.")  # the servers have started
        assert await first.stop_reason() == "end_turn"
        [offered] = {
            each["function"]["name"]
            for each in work.server.chats[-1]["tools"]
            if each["function"]["name"].endswith("slow")
        }
        async with work.asking(ToolUse(offered, {})) as turn:
            await editor.wait_until(lambda: "Thinking" in str(turn.updates("tool_call_update")))
        await work.assert_goes_on()


async def test_while_servers_start(isolated_home: Path) -> None:
    editor = HoldingEditor(servers=(faulty("tools", "hang"),))
    async with working(isolated_home, editor) as work:
        async with work.asking(Content("never")):
            await editor.wait_until(lambda: editor.sent[-1].get("method") == "session/prompt")
            await editor.authenticate("local")
        assert work.server.chats == []


@pytest.mark.parametrize(("held", "passing"), [("read_text_file", 0), ("read_text_file", 1)])
async def test_before_the_editor_is_to_write(isolated_home: Path, held: str, passing: int) -> None:
    editor = HoldingEditor("files", held=held, passing=passing)
    async with working(isolated_home, editor) as work:
        async with work.asking(EDIT):
            await editor.until_held()
        assert (work.content, editor.written) == (OLD, [])


async def test_while_the_editor_writes(isolated_home: Path) -> None:
    editor = HoldingEditor("files", held="write_text_file")
    async with working(isolated_home, editor) as work:
        async with work.asking(EDIT):
            await editor.until_held()
        assert work.content == OLD
        await work.assert_goes_on()


@pytest.fixture
def held_replace(tmp_path: Path) -> Mapping[str, str]:
    """The environment of an agent that waits before it puts a file in another's place."""
    (tmp_path / "sitecustomize.py").write_text(REPLACING)
    environ = {"PYTHONPATH": str(tmp_path)}
    for name in ("AT_REPLACE", "GO_ON"):
        os.mkfifo(tmp_path / name)
        environ[name] = str(tmp_path / name)
    return environ


async def test_between_new_content_and_its_place(
    isolated_home: Path, held_replace: Mapping[str, str]
) -> None:
    async with working(isolated_home, HoldingEditor(), held_replace) as work:
        async with work.asking(EDIT):
            with anyio.fail_after(LIMIT):
                await anyio.to_thread.run_sync(Path(held_replace["AT_REPLACE"]).read_text)
            assert work.content == OLD
            assert len(list(work.project.iterdir())) == 2
            await work.session.cancel()
            await work.editor.authenticate("local")  # the cancel has been read
            assert "stopReason" not in str(work.editor.received)
            await anyio.to_thread.run_sync(Path(held_replace["GO_ON"]).write_text, "")
        assert work.content in (OLD, NEW)


async def test_while_old_talk_is_summed_up(isolated_home: Path) -> None:
    async with working(isolated_home, HoldingEditor(), context=8192) as work:
        for _ in range(2):
            assert await (await work.session.ask(TALK)).stop_reason() == "end_turn"
        async with work.asking(Content("So far"), Hold(), text=TALK) as turn:
            await turn.wait_for("tool_call", title="Summing up the conversation")
            with anyio.fail_after(LIMIT):
                await work.reply.started.wait()
        with anyio.fail_after(LIMIT):
            await work.server.wait_left("/api/chat")
        await work.assert_goes_on()


async def test_while_a_form_is_open(isolated_home: Path) -> None:
    editor = HoldingEditor("forms", held="create_elicitation")
    async with working(isolated_home, editor) as work:
        async with work.asking(ToolUse("ask_user", {"question": "Which?"})):
            await editor.until_held()
        await work.assert_goes_on()
