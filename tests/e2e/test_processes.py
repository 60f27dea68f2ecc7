"""Processes: one engine for all agents, and nothing left behind when they end."""

import os
import signal
from pathlib import Path

import anyio
import psutil
import pytest

from tests.e2e.agent_process import SHORT_LIFE, agent_environ
from tests.e2e.editor import LIMIT
from tests.e2e.engine_probe import EngineProbe, until_ended
from tests.e2e.raw_client import raw_client

pytestmark = pytest.mark.usefixtures("posix")


@pytest.mark.anyio
async def test_agents_of_one_user_share_an_engine(model_home: Path) -> None:
    engine = EngineProbe(model_home)
    environ = agent_environ(model_home, ACP_AGENT_MLX_MAX_TOKENS="2")
    pid = await engine.pid()
    async with raw_client(environ) as one, raw_client(environ) as other:
        for client in (one, other):
            session = await client.open_session("mlx")
            assert await client.prompt(session, "Say hello.")
        assert await engine.pid() == pid


@pytest.mark.anyio
@pytest.mark.slow
async def test_agents_that_start_an_engine_at_once_get_the_same(own_model_home: Path) -> None:
    environ = agent_environ(own_model_home, **SHORT_LIFE, ACP_AGENT_MLX_MAX_TOKENS="2")
    pids: set[int] = set()

    async def ask() -> None:
        async with raw_client(environ) as client:
            session = await client.open_session("mlx")
            assert await client.prompt(session, "Say hello.")
            pids.add(await EngineProbe(own_model_home).pid())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    [pid] = pids
    # All agents have left, and the engine follows when its time has come.
    await until_ended(pid)


@pytest.mark.anyio
@pytest.mark.slow
async def test_an_engine_outlives_a_killed_agent_for_its_idle_time_only(
    own_model_home: Path,
) -> None:
    environ = agent_environ(own_model_home, **SHORT_LIFE)
    async with raw_client(environ) as client:
        session = await client.open_session("mlx")
        client.send(client.prompt_request(session, "Write a long story about the sea."))
        while not client.answer():
            await client.receive()
        pid = await EngineProbe(own_model_home).pid()
        client.process.send_signal(signal.SIGKILL)
        with anyio.fail_after(LIMIT):
            await anyio.to_thread.run_sync(client.process.wait)
        assert psutil.pid_exists(pid)
        assert await EngineProbe(own_model_home).pid() == pid
        await until_ended(pid)


@pytest.mark.anyio
async def test_the_end_of_input_ends_an_agent_that_waits_for_the_user(isolated_home: Path) -> None:
    async with raw_client(agent_environ(isolated_home)) as client:
        session = await client.open_session("mlx")
        client.send(client.prompt_request(session, "Hello"))
        while client.received[-1].get("method") != "session/request_permission":
            await client.receive()


@pytest.mark.anyio
async def test_the_end_of_input_stops_a_running_answer(model_home: Path) -> None:
    engine = EngineProbe(model_home)
    async with raw_client(agent_environ(model_home)) as client:
        session = await client.open_session("mlx")
        request = client.prompt_request(session, "Write a long story about the sea.")
        client.send(request)
        while not client.answer():
            await client.receive()
        assert await client.close() == 0
        # The agent may be gone before its client has read the response.
        responses = [each for each in client.received if each.get("id") == request["id"]]
        assert [each["result"]["stopReason"] for each in responses] in ([], ["cancelled"])
    await engine.until_idle()


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_signal_ends_the_agent(isolated_home: Path, number: signal.Signals) -> None:
    async with raw_client(agent_environ(isolated_home)) as client:
        session = await client.open_session("scripted")
        client.send(client.prompt_request(session, "slow 100000 1"))
        await client.receive()
        os.kill(client.process.pid, number)
        with anyio.fail_after(LIMIT):
            status = await anyio.to_thread.run_sync(client.process.wait)
        assert status == 128 + number
