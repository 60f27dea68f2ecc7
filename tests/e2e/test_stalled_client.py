"""An editor that stops reading: everything behind it waits, and nothing is lost."""

import sys
from pathlib import Path

import anyio
import psutil
import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import LIMIT
from tests.e2e.engine_probe import EngineProbe, until_quiet
from tests.e2e.raw_client import raw_client

pytestmark = pytest.mark.usefixtures("posix")

PIPE = 4096
TOKENS = 160 if sys.platform == "linux" else 2000
"""More than all buffers on the way hold; elsewhere a pipe is larger than it is here."""
GROWTH = 5_000_000
STORY = "Write a long story about the sea."


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_engine_stops_until_the_editor_reads_on(model_home: Path) -> None:
    engine = EngineProbe(model_home)
    environ = agent_environ(model_home, ACP_AGENT_MLX_MAX_TOKENS=str(TOKENS))
    async with raw_client(environ, pipe_size=PIPE) as client:
        agent = psutil.Process(client.process.pid)
        first, second = await client.open_session("mlx"), await client.open_session("mlx")
        start = await engine.decoded()
        whole = await client.prompt(first, STORY)
        before, memory = await engine.decoded(), agent.memory_info().rss
        request = client.prompt_request(second, STORY)
        client.send(request)
        seen = len(client.received)
        while not client.answer(seen):
            await client.receive()
        health = await engine.until_still()
        assert health["active_requests"] == 1
        assert 0 < health["decoded_tokens"] - before < before - start
        assert agent.memory_info().rss - memory <= GROWTH
        with anyio.fail_after(LIMIT):
            await client.response(request)
        assert client.answer(seen) == whole
        assert await engine.decoded() - before == before - start


@pytest.mark.anyio
async def test_a_flood_waits_for_the_editor(isolated_home: Path) -> None:
    count, size = 50_000, 10
    environ = agent_environ(isolated_home, ACP_AGENT_MERGE="0")
    async with raw_client(environ, pipe_size=PIPE) as client:
        agent = psutil.Process(client.process.pid)
        session = await client.open_session("scripted")
        request = client.prompt_request(session, f"flood {count} {size}")
        memory = agent.memory_info().rss
        client.send(request)
        seen = len(client.received)
        await client.receive()
        await until_quiet(agent)
        assert agent.memory_info().rss - memory <= GROWTH
        with anyio.fail_after(LIMIT):
            await client.response(request)
        assert client.answer(seen) == "x" * count * size


@pytest.mark.anyio
async def test_a_cancel_reaches_an_agent_whose_editor_does_not_read(model_home: Path) -> None:
    """The answer comes when the editor reads on; the model stops at once."""
    engine = EngineProbe(model_home)
    async with raw_client(agent_environ(model_home), pipe_size=PIPE) as client:
        session = await client.open_session("mlx")
        request = client.prompt_request(session, STORY)
        client.send(request)
        seen = len(client.received)
        while not client.answer(seen):
            await client.receive()
        cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}
        client.send(cancel)
        await engine.until_idle()
        response = await client.response(request)
        assert response["result"]["stopReason"] == "cancelled"
