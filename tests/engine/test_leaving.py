"""How the engine ends: idle, drained, stopped, told by a signal, replaced by another version."""

import re
import signal
import socket
import subprocess
from contextlib import aclosing
from typing import Any

import anyio
import httpx2
import pytest

from acp_agent.errors import BackendUnavailable
from tests.fixtures.engine_process import PATIENCE, EngineProcess, request, text_of, wait_exit
from tests.fixtures.fake_engine import HEALTH, Answer, FakeEngine

pytestmark = pytest.mark.anyio

STAYS = 1.5
"""Seconds in which an engine that thinks itself idle has looked and left."""


async def assert_stays(process: subprocess.Popen[bytes]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        await anyio.to_thread.run_sync(process.wait, STAYS)


async def test_exits_when_idle(engine: EngineProcess) -> None:
    process = await engine.start("--idle-timeout", "0.5")
    assert await wait_exit(process) == 0
    assert not engine.paths.engine_socket.exists()
    assert text_of(await engine.collect(max_tokens=5)) == "abcde"


async def test_loaded_model_keeps_it(engine: EngineProcess) -> None:
    process = await engine.start("--idle-timeout", "0.1", "--unload-after", "never")
    chunks = await engine.collect(max_tokens=600)
    assert chunks[-1]["usage"]["completion_tokens"] == 600
    await assert_stays(process)
    assert await engine.client.unload()
    assert await wait_exit(process) == 0


async def test_connected_client_keeps_it(engine: EngineProcess) -> None:
    process = await engine.start("--idle-timeout", "0.2")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(engine.paths.engine_socket))
        await assert_stays(process)
    assert await wait_exit(process) == 0


async def test_listening_over_tcp_keeps_it(engine: EngineProcess) -> None:
    engine.environment["TOKEN"] = token = "0123456789abcdef"
    options = ("--listen", "127.0.0.1:0", "--token-env", "TOKEN", "--idle-timeout", "0.1")
    process = await engine.start(*options)
    await assert_stays(process)
    found = re.search(r"listens at (http://\S+)", engine.paths.engine_log_file.read_text())
    assert found is not None
    async with httpx2.AsyncClient(base_url=found[1], verify=False) as http:
        assert (await http.get("/health")).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert (await http.get("/health", headers=headers)).json()["pid"] == process.pid
    assert await engine.client.stop()
    assert await wait_exit(process) == 0


async def test_drain_of_an_idle_engine_ends_it(engine: EngineProcess) -> None:
    process = await engine.start()
    assert await engine.client.drain()
    await engine.client.wait_ended(process.pid)
    assert await wait_exit(process) == 0
    assert await engine.client.health() is None


async def test_drain_waits_for_the_answer_that_runs(engine: EngineProcess) -> None:
    """Who comes meanwhile is told that it waits, and is answered by the next engine."""
    process = await engine.start()
    said, late = anyio.Event(), list[str]()

    async def ask_late() -> None:
        async with aclosing(engine.new_client().chat(request(max_tokens=3))) as chunks:
            late.append((await anext(chunks))["engine_wait"])
            said.set()
            late.append(text_of([chunk async for chunk in chunks]))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            chunks = list[dict[str, Any]]()
            async with aclosing(engine.client.chat(request(max_tokens=600))) as answer:
                async for chunk in answer:
                    if "c" in text_of([chunk]) and not said.is_set():
                        assert await engine.new_client().drain()
                        tasks.start_soon(ask_late)
                        await said.wait()
                    chunks.append(chunk)
            assert chunks[-1]["usage"]["completion_tokens"] == 600
            assert await wait_exit(process) == 0
    assert "told to leave" in late[0]
    assert late[1] == "abc"
    assert (await engine.health())["pid"] != process.pid


NO_PATIENCE = "from acp_agent.engine.host import process; process.READER_PATIENCE = 0.5"


@pytest.mark.parametrize("options", [(), ("--unload-after", "1s")])
async def test_drain_does_not_wait_for_clients_that_do_not_read(
    engine: EngineProcess, options: tuple[str, ...]
) -> None:
    """Also where the model went meanwhile."""
    engine.setup = NO_PATIENCE
    process = await engine.start(*options)
    async with aclosing(engine.client.chat(request())) as chunks:
        await anext(chunks)
        await engine.wait_settled("decoded_tokens")
        if options:
            await engine.wait_until(lambda health: not health["models"])
        assert await engine.new_client().drain()
        assert await wait_exit(process) == 0
    assert "do not read" in engine.paths.engine_log_file.read_text()


async def test_drain_waits_a_while_for_clients_that_do_not_read(engine: EngineProcess) -> None:
    process = await engine.start()
    async with aclosing(engine.client.chat(request(max_tokens=600))) as answer:
        read = [await anext(answer)]
        await engine.wait_settled("decoded_tokens")
        assert await engine.new_client().drain()
        for _ in range(8):  # it has looked a few times meanwhile
            await engine.wait_settled("decoded_tokens")
        read += [chunk async for chunk in answer]
    assert read[-1]["usage"]["completion_tokens"] == 600
    assert await wait_exit(process) == 0


async def test_a_model_thread_that_died_ends_the_engine(engine: EngineProcess) -> None:
    """An engine that can answer nobody must not stay in the way of the next."""
    engine.setup = (
        "from acp_agent.engine.host.scheduler import Scheduler\n"
        "def fail(self, key): raise RuntimeError('broken')\n"
        "Scheduler.forget = fail"
    )
    process = await engine.start()
    async with engine.connect() as http:
        await http.post("/v1/caches/forget", json={"prompt_cache_key": "any"})
    assert await wait_exit(process) == 0
    assert "the model thread failed" in engine.paths.engine_log_file.read_text()
    engine.setup = ""
    assert text_of(await engine.collect(max_tokens=5)) == "abcde"


async def test_stop_does_not_wait_for_answers(engine: EngineProcess) -> None:
    process = await engine.start()

    async def stop_in_the_middle() -> None:
        async for chunk in engine.client.chat(request()):
            if "c" in text_of([chunk]):
                assert await engine.new_client().stop()

    with pytest.raises(BackendUnavailable, match="send the prompt"):
        await stop_in_the_middle()
    assert await wait_exit(process) == 0
    assert not engine.paths.engine_socket.exists()


async def test_told_to_leave_while_decoding_it_ends_well(engine: EngineProcess) -> None:
    process = await engine.start()
    with pytest.raises(BackendUnavailable, match="send the prompt"):
        await engine.read_until("c", process.terminate)
    assert await wait_exit(process) == 0
    assert not engine.paths.engine_socket.exists()
    assert "Traceback" not in engine.paths.engine_log_file.read_text()


async def test_told_to_leave_while_nobody_reads_it_ends_well(engine: EngineProcess) -> None:
    process = await engine.start()
    async with aclosing(engine.client.chat(request())) as chunks:
        await anext(chunks)
        await engine.wait_settled("decoded_tokens")
        process.send_signal(signal.SIGTERM)
        assert await wait_exit(process) == 0


async def test_engine_of_another_version_is_followed_by_ours(engine: EngineProcess) -> None:
    drain = Answer((b"{}",))
    waits: list[str] = []
    other = FakeEngine()
    other.health = {**HEALTH, "protocol": 99}
    other.answers["/v1/engine/drain"] = drain
    answers: list[str] = []

    async def ask() -> None:
        chunks = [chunk async for chunk in engine.client.chat(request(max_tokens=3))]
        waits.extend(chunk["engine_wait"] for chunk in chunks if "engine_wait" in chunk)
        answers.append(text_of(chunks))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks, other.running(engine.paths.engine_socket):
            tasks.start_soon(ask)
            await drain.stopped.wait()
    assert ["another version" in wait for wait in waits] == [True]
    assert answers == ["abc"]
