"""Mode ``gptoss_20b`` with the tiny gpt-oss, through the official SDKs: thoughts, text, tools.

The model is trained on the dialogues of ``tests/tiny_gptoss``; what it says is known.
"""

import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from anyio.from_thread import start_blocking_portal

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from tests.e2e.agent_process import SHORT_LIFE, agent_environ
from tests.e2e.conftest import assert_no_traceback
from tests.e2e.editor import Editor, Spawn
from tests.e2e.engine_probe import EngineProbe, until_ended
from tests.e2e.python_client import python_editor
from tests.e2e.raw_client import raw_client
from tests.e2e.session import Turn, open_session
from tests.tiny_gptoss.dialogues import COUNT, HELLO, READ, Answer, Call, Dialogue

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

MARKUP = "<|"
NOTES = "The release is planned for Friday.\n"


@pytest.fixture(scope="module", params=["mxfp4", "float32"])
def environ(
    request: pytest.FixtureRequest,
    run_folder: Path,
    tiny_gptoss: Path,
    tiny_gptoss_float32: Path,
) -> Iterator[dict[str, str]]:
    """Agents whose gpt-oss is the tiny one, as it is installed and widened; its engine runs."""
    model = tiny_gptoss if request.param == "mxfp4" else tiny_gptoss_float32
    home = Path(tempfile.mkdtemp(dir=run_folder))
    client = EngineClient(find_paths({"ACP_AGENT_HOME": str(home)}), EngineSettings())
    with start_blocking_portal() as portal:
        portal.call(load, client, model)
        yield gptoss_environ(home, model)
        portal.call(client.stop)
        assert_no_traceback(home)


async def load(client: EngineClient, model: Path) -> None:
    async for _ in client.load(str(model)):
        pass


def gptoss_environ(home: Path, model: Path, **settings: str) -> dict[str, str]:
    return agent_environ(
        home,
        ACP_AGENT_GPTOSS_MODEL=str(model),
        ACP_AGENT_GPTOSS_TEMPERATURE="0",
        **settings,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the file that the model reads."""
    (tmp_path / "notes.txt").write_text(NOTES)
    return tmp_path


@pytest.fixture
async def editor(spawn: Spawn, environ: dict[str, str]) -> AsyncGenerator[Editor]:
    async with spawn(environ) as editor:
        yield editor


async def test_thoughts_text_and_a_tool_call_arrive_without_markup(
    editor: Editor, project: Path
) -> None:
    session = await open_session(editor, str(project))
    assert session.response["modes"]["currentModeId"] == "gptoss_20b"
    first = await session.ask(HELLO.prompt)
    assert await first.stop_reason() == "end_turn"
    [hello] = HELLO.steps
    assert isinstance(hello, Answer)
    assert (first.thought, first.answer) == (hello.thought, hello.text)
    turn = await session.ask(READ.prompt)
    assert await turn.stop_reason() == "end_turn"
    call, answer = READ.steps
    assert isinstance(call, Call)
    assert isinstance(answer, Answer)
    assert turn.thought == call.thought + answer.thought
    assert turn.answer == answer.text
    assert MARKUP not in str(turn.updates())
    _check_call(turn, call, project)
    figures = (await turn.result())["_meta"]["acp-agent"]
    assert figures["cachedTokens"] > 0


def _check_call(turn: Turn, call: Call, project: Path) -> None:
    steps = [each for each in turn.updates("tool_call") if each["toolCallId"].startswith("call-")]
    [shown] = steps
    assert shown["status"] == "pending"
    changes = [
        each
        for each in turn.updates("tool_call_update")
        if each["toolCallId"] == shown["toolCallId"]
    ]
    assert [each.get("status") for each in changes][-2:] == ["in_progress", "completed"]
    written = changes[0]
    assert written["title"] == "Read notes.txt"
    assert written["rawInput"] == dict(call.arguments)
    assert written["locations"] == [{"path": str(project / "notes.txt"), "line": 1}]
    assert changes[-1]["content"][0]["content"]["text"] == NOTES


async def test_the_level_of_thinking_can_be_chosen(editor: Editor, project: Path) -> None:
    session = await open_session(editor, str(project))
    options = {each["id"]: each for each in session.response["configOptions"]}
    levels = [choice["value"] for choice in options["thought_level"]["options"]]
    assert levels == ["low", "medium", "high"]
    assert options["thought_level"]["currentValue"] == "medium"
    await editor.set_config_option(session.id, "thought_level", "high")
    turn = await session.ask(HELLO.prompt)
    assert turn.answer == answer_of(HELLO)


async def test_status_tells_of_the_engine_and_the_turns(
    environ: dict[str, str], project: Path
) -> None:
    async with python_editor(environ) as editor:
        session = await open_session(editor, str(project))
        turn = await session.ask(HELLO.prompt)
        status = (await session.ask("/status")).answer
        assert "- mode: gptoss_20b" in status
        assert "- thinking: medium" in status
        assert "recorded; median time to the first token" in status
        assert f"- {Path(environ['ACP_AGENT_GPTOSS_MODEL']).name}: " in status
        figures = (await turn.result())["_meta"]["acp-agent"]
        assert figures["mode"] == "gptoss_20b"
        assert figures["decodeRate"] > 0
        # The command and its answer are no part of the conversation.
        assert (await session.ask(HELLO.prompt)).answer == answer_of(HELLO)


async def test_figures_are_not_kept_where_they_are_switched_off(
    isolated_home: Path, tiny_gptoss: Path
) -> None:
    environ = gptoss_environ(isolated_home, tiny_gptoss, **SHORT_LIFE)
    async with python_editor({**environ, "ACP_AGENT_TELEMETRY_ENABLED": "0"}) as editor:
        session = await open_session(editor, str(isolated_home), "scripted")
        await session.ask("say well")
        assert "None is recorded." in (await session.ask("/status")).answer
    assert not (isolated_home / "state" / "turns.jsonl").exists()


async def test_two_agents_share_the_engine_and_the_model(
    isolated_home: Path, tiny_gptoss: Path
) -> None:
    environ = gptoss_environ(isolated_home, tiny_gptoss, **SHORT_LIFE)
    probe = EngineProbe(isolated_home)
    async with raw_client(environ) as one, raw_client(environ) as other:
        pids: set[int] = set()
        for client in (one, other):
            session = await client.open_session("gptoss_20b")
            assert await client.prompt(session, HELLO.prompt) == answer_of(HELLO)
            pids.add(await probe.pid())
        [pid] = pids
        assert _engines_below(isolated_home) == [pid]
        [model] = (await probe.status())["models"]
        assert model["id"] == tiny_gptoss.name
    await until_ended(pid)


def _engines_below(home: Path) -> list[int]:
    found: list[int] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if "engine" in command and str(home) in " ".join(command):
                found.append(process.pid)
    return found


async def test_a_killed_engine_is_told_and_replaced(isolated_home: Path, tiny_gptoss: Path) -> None:
    environ = gptoss_environ(isolated_home, tiny_gptoss, **SHORT_LIFE)
    probe = EngineProbe(isolated_home)
    async with python_editor(environ) as editor:
        session = await open_session(editor, str(isolated_home))
        async with session.asking(COUNT.prompt) as turn:
            await turn.wait_for_chunks(3)
            pid = await probe.pid()
            psutil.Process(pid).kill()
        assert "engine ended" in (await turn.error()).message
        again = await session.ask(HELLO.prompt)
        assert again.answer == answer_of(HELLO)
        replaced = await probe.pid()
        assert replaced != pid
    await until_ended(replaced)


async def test_a_cancel_stops_the_model_and_the_session_goes_on(
    isolated_home: Path, tiny_gptoss: Path
) -> None:
    environ = gptoss_environ(isolated_home, tiny_gptoss, **SHORT_LIFE)
    probe = EngineProbe(isolated_home)
    async with python_editor(environ) as editor:
        session = await open_session(editor, str(isolated_home))
        async with session.asking(COUNT.prompt) as turn:
            await turn.wait_for_chunks(3)
            await session.cancel()
        assert await turn.stop_reason() == "cancelled"
        await probe.until_idle()
        decoded = await probe.decoded()
        await probe.until_still()
        assert await probe.decoded() == decoded
        assert len(turn.answer) < len(answer_of(COUNT))
        assert (await session.ask(HELLO.prompt)).answer == answer_of(HELLO)
        pid = await probe.pid()
    await until_ended(pid)


def answer_of(dialogue: Dialogue) -> str:
    """What the model says at the end of ``dialogue``."""
    last = dialogue.steps[-1]
    assert isinstance(last, Answer)
    return last.text
