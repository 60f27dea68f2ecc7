"""Which mode a new session starts in, through the official SDKs."""

from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Spawn
from tests.e2e.session import open_session
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_server import OllamaServer

EMBEDDING = OllamaModel("nomic-embed-text:latest", capabilities=("embedding",))


@pytest.mark.anyio
async def test_ollama_where_it_has_a_model_for_chats(spawn: Spawn, isolated_home: Path) -> None:
    async with (
        OllamaServer().running() as server,
        spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor,
    ):
        session = await open_session(editor, str(isolated_home))
        assert session.response["modes"]["currentModeId"] == "ollama"


@pytest.mark.anyio
@pytest.mark.parametrize("models", [[], [EMBEDDING]], ids=["empty", "embedding"])
async def test_mlx_where_ollama_has_none(
    spawn: Spawn, isolated_home: Path, models: list[OllamaModel]
) -> None:
    async with (
        OllamaServer(models=models).running() as server,
        spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor,
    ):
        session = await open_session(editor, str(isolated_home))
        assert session.response["modes"]["currentModeId"] == "mlx"


@pytest.mark.anyio
async def test_mlx_where_ollama_is_down(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home))
        assert session.response["modes"]["currentModeId"] == "mlx"


@pytest.mark.anyio
async def test_the_configured_mode_comes_first(spawn: Spawn, isolated_home: Path) -> None:
    (isolated_home / "config.toml").write_text('default_mode = "scripted"\n', encoding="utf-8")
    async with (
        OllamaServer().running() as server,
        spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor,
    ):
        session = await open_session(editor, str(isolated_home))
        assert session.response["modes"]["currentModeId"] == "scripted"


@pytest.mark.anyio
async def test_a_configured_mode_that_is_not_ready_says_so(
    spawn: Spawn, isolated_home: Path
) -> None:
    environ = agent_environ(isolated_home, ACP_AGENT_DEFAULT_MODE="ollama")
    async with spawn(environ) as editor:
        session = await open_session(editor, str(isolated_home))
        assert session.response["modes"]["currentModeId"] == "ollama"
        error = await (await session.ask("Hello")).error()
        assert "not ready" in error.message
        assert "ollama serve" in error.message
        await session.choose("scripted")
        assert (await session.ask("say fine")).answer == "fine"
