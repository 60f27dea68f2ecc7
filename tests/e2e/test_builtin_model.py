"""Real answers of the built-in model, through the official SDKs."""

from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Spawn
from tests.e2e.session import open_session


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_capital_of_france(spawn: Spawn, model_home: Path) -> None:
    async with spawn(agent_environ(model_home)) as editor:
        session = await open_session(editor, str(model_home))
        assert session.response["modes"]["currentModeId"] == "mlx"
        turn = await session.ask("What is the capital of France?")
        assert await turn.stop_reason() == "end_turn"
        assert "Paris" in turn.answer
        assert len(turn.chunks) > 3
        assert len({chunk["messageId"] for chunk in turn.chunks}) == 1
        assert [notice for notice in turn.notices if "Ollama" in notice]
        [usage] = turn.updates("usage_update")
        assert len(turn.chunks) <= usage["used"] < usage["size"]
        async with session.asking("And of Spain?") as again:
            await again.wait_for_chunks(1)
            await session.cancel()
        assert not again.notices
        assert again.chunks[0]["messageId"] != turn.chunks[0]["messageId"]
