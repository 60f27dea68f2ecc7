"""Mode ``openai`` against real servers, through the official SDKs.

A listening engine with the tiny gpt-oss is the endpoint that the user has named, and
``mlx_lm.server`` at its customary port the one that is found.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from acp_agent.engine.launch import explain_unsupported
from tests.backends.openai_servers import KEY, EngineServer, MlxServer, running
from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import CallFailed, Editor, Json, Spawn
from tests.e2e.gptoss import answer_of, check_played
from tests.e2e.python_client import python_editor
from tests.e2e.session import OpenSession, open_session
from tests.tiny_gptoss.dialogues import COUNT, HELLO, READ, REMOVE

if reason := explain_unsupported():
    pytest.skip(reason, allow_module_level=True)

from tests.fixtures.tiny_llama import TEXT, make_tiny_llama

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

MODEL = "desk/tiny-gptoss"
WRONG_KEY = "a-wrong-key-that-nobody-may-see"
CUSTOMARY_PORTS = (8080, 8000)


@pytest.fixture(scope="module")
def server(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServer]:
    """A listening engine whose only model is the tiny gpt-oss."""
    models = tmp_path_factory.mktemp("models")
    gptoss = Path(__file__).parents[1] / "tiny_gptoss" / "model"
    (models / "tiny-gptoss").symlink_to(gptoss, target_is_directory=True)
    with running(server := EngineServer(run_folder, models)):
        yield server


@pytest.fixture
def environ(server: EngineServer, isolated_home: Path) -> dict[str, str]:
    """Agents whose endpoint ``desk`` is the server, with its key in a variable."""
    (isolated_home / "config.toml").write_text(
        "[openai]\ndiscover = false\ntemperature = 0\n\n"
        f'[endpoints.desk]\nbase_url = "{server.url}"\nkey_env = "DESK_KEY"\n'
    )
    return agent_environ(isolated_home, DESK_KEY=KEY)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with what the dialogues are about."""
    (tmp_path / "notes.txt").write_text("The release is planned for Friday.\n")
    (tmp_path / "build").mkdir()
    return tmp_path


@pytest.fixture
async def editor(spawn: Spawn, environ: dict[str, str]) -> AsyncGenerator[Editor]:
    async with spawn(environ) as editor:
        yield editor


async def test_a_named_endpoint_thinks_answers_and_calls_tools(
    editor: Editor, server: EngineServer, project: Path
) -> None:
    session = await open_session(editor, str(project), "openai")
    assert _model(session)["currentValue"] == MODEL
    turn = await session.ask(HELLO.prompt)
    assert await check_played(turn, HELLO) == []
    assert turn.chunks
    [usage] = turn.updates("usage_update")
    assert usage["size"] == 131_072
    [read] = await check_played(await session.ask(READ.prompt), READ)
    assert read["statuses"] == ["pending", "in_progress", "completed"]
    assert not editor.questions
    async with session.asking(REMOVE.prompt) as turn:
        question = await editor.next_question()
        assert (project / "build").exists()
        question.choose("allow_once")
    [removed] = await check_played(turn, REMOVE)
    assert removed["statuses"] == ["pending", "in_progress", "completed"]
    assert not (project / "build").exists()


async def test_a_cancel_is_seen_in_the_server(
    editor: Editor, server: EngineServer, project: Path
) -> None:
    session = await open_session(editor, str(project), "openai")
    async with session.asking(COUNT.prompt) as turn:
        await turn.wait_for_chunks(3)
        assert server.is_busy()
        await session.cancel()
    assert await turn.stop_reason() == "cancelled"
    await server.wait_idle()
    assert len(turn.answer) < len(answer_of(COUNT))
    assert (await session.ask(HELLO.prompt)).answer == answer_of(HELLO)


async def test_the_key_is_in_no_file_and_no_message(
    environ: dict[str, str], isolated_home: Path, project: Path
) -> None:
    environ["ACP_AGENT_LOG_LEVEL"] = "debug"
    async with python_editor(environ) as editor:
        session = await open_session(editor, str(project), "openai")
        assert (await session.ask(HELLO.prompt)).answer == answer_of(HELLO)
        assert KEY not in str(editor.received)
    async with python_editor({**environ, "DESK_KEY": WRONG_KEY}) as editor:
        with pytest.raises(CallFailed, match="refuses the key"):
            await open_session(editor, str(project), "openai")
        assert WRONG_KEY not in str(editor.received)
    written = b"".join(file.read_bytes() for file in isolated_home.rglob("*") if file.is_file())
    assert written
    assert KEY.encode() not in written
    assert WRONG_KEY.encode() not in written


async def test_a_server_at_a_customary_port_is_found(isolated_home: Path, tmp_path: Path) -> None:
    make_tiny_llama(tmp_path / "tiny", ends=True)
    with running(_at_a_customary_port(tmp_path)):
        async with python_editor(agent_environ(isolated_home)) as editor:
            session = await open_session(editor, str(tmp_path), "openai")
            ids = [each["value"] for each in _model(session)["options"]]
            [found] = [each for each in ids if each.startswith("mlx")]
            await editor.set_config_option(session.id, "model", found)
            assert (await session.ask("Hello")).answer == TEXT


def _at_a_customary_port(folder: Path) -> MlxServer:
    for port in CUSTOMARY_PORTS:
        with suppress(OSError):
            return MlxServer(folder, folder / "tiny", port)
    pytest.skip("something else listens at the customary ports")


def _model(session: OpenSession) -> Json:
    """The option with the models, as it is shown after the mode was chosen."""
    shown = session.editor.notices("session/update")
    updates = [each["update"] for each in shown if each["sessionId"] == session.id]
    changed = [each for each in updates if each["sessionUpdate"] == "config_option_update"]
    options = changed[-1]["configOptions"] if changed else session.response["configOptions"]
    return next(each for each in options if each["id"] == "model")
