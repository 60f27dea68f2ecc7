"""Mode ``gptoss_20b`` with the tiny gpt-oss, through the official SDKs: thoughts, text, tools.

The model is trained on the dialogues of ``tests/tiny_gptoss``; what it says is known.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.agent_process import SHORT_LIFE
from tests.e2e.editor import Editor, Spawn
from tests.e2e.engine_probe import EngineProbe, until_ended
from tests.e2e.gptoss import answer_of, check_played, gptoss_environ, running_gptoss
from tests.e2e.python_client import python_editor
from tests.e2e.raw_client import raw_client
from tests.e2e.session import open_session
from tests.tiny_gptoss.dialogues import COUNT, HELLO, READ

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

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
    with running_gptoss(model, run_folder) as environ:
        yield environ


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
    assert await check_played(await session.ask(HELLO.prompt), HELLO) == []
    turn = await session.ask(READ.prompt)
    [call] = await check_played(turn, READ)
    assert call["statuses"] == ["pending", "in_progress", "completed"]
    assert call["title"] == "Read notes.txt"
    assert call["locations"] == [{"path": str(project / "notes.txt"), "line": 1}]
    assert call["content"][0]["content"]["text"] == f"```\n{NOTES}```"
    figures = (await turn.result())["_meta"]["acp-agent"]
    assert figures["cachedTokens"] > 0


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
