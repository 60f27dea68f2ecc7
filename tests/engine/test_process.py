"""The engine process's own life: start, surroundings, crashes. Its end: ``test_leaving``."""

import os
import select
import signal
import socket
import stat
import sys
from contextlib import closing
from pathlib import Path

import anyio
import psutil
import pytest

from acp_agent.config import paths as paths_module
from acp_agent.errors import BackendError, BackendUnavailable
from tests.fixtures.engine_process import PATIENCE, EngineProcess, request, text_of, wait_exit

pytestmark = pytest.mark.anyio


async def test_first_request_starts_it(engine: EngineProcess) -> None:
    assert await engine.client.health() is None
    assert text_of(await engine.collect(max_tokens=5)) == "abcde"
    assert (await engine.health())["status"] == "ok"


async def test_only_this_user_can_reach_it(engine: EngineProcess) -> None:
    engine.paths.runtime.mkdir(mode=0o755, parents=True)
    await engine.collect(max_tokens=1)
    assert stat.S_IMODE(engine.paths.engine_socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(engine.paths.runtime.stat().st_mode) == 0o700
    assert stat.S_IMODE(engine.paths.engine_log_file.stat().st_mode) == 0o600


async def test_named_folder_is_never_changed(engine: EngineProcess, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "x.sock"
    process = engine.spawn("--socket", str(path), "--idle-timeout", "0.2")
    assert await wait_exit(process) == 1
    log = engine.paths.engine_log_file.read_text()
    assert f"cannot listen at {path}: the folder is open to other users" in log
    assert "chmod 700" in log
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert list(tmp_path.iterdir()) == []


async def test_named_folder_of_ones_own_is_used(engine: EngineProcess, run_folder: Path) -> None:
    folder = run_folder / "named"
    folder.mkdir(mode=0o700)
    process = engine.spawn("--socket", str(folder / "x.sock"), "--idle-timeout", "0.2")
    assert await wait_exit(process) == 0
    assert "listens" in engine.paths.engine_log_file.read_text()


async def test_folder_of_another_user_is_explained(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.paths.runtime.mkdir(parents=True)
    monkeypatch.setattr(paths_module, "_is_own", lambda found: False)  # pyright: ignore
    with pytest.raises(BackendUnavailable) as refused:
        await engine.collect(max_tokens=1)
    assert "(the folder belongs to another user): see that" in refused.value.message
    assert str(engine.paths.runtime) not in refused.value.message


async def test_has_a_session_and_a_folder_of_its_own(engine: EngineProcess) -> None:
    await engine.collect(max_tokens=1)
    pid = (await engine.health())["pid"]
    assert os.getsid(pid) == pid
    assert psutil.Process(pid).cwd() == "/"


async def test_inherits_no_descriptor(engine: EngineProcess) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    with closing(os.fdopen(reader, "rb")) as pipe:
        try:
            await engine.collect(max_tokens=1)
        finally:
            os.close(writer)
        assert select.select([pipe], [], [], 0)[0], "somebody still holds the other end"
        assert pipe.read() == b""


async def test_agents_that_start_at_once_share_one(engine: EngineProcess) -> None:
    pids: list[int] = []

    async def use() -> None:
        client = engine.new_client()
        async for _ in client.chat(request(max_tokens=3)):
            pass
        health = await client.health()
        assert health is not None
        pids.append(health["pid"])

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(use)
    assert len(pids) == 8
    assert len(set(pids)) == 1
    assert engine.paths.engine_log_file.read_text().count("listens") == 1


async def test_engines_started_at_once_leave_one(engine: EngineProcess) -> None:
    processes = [engine.spawn() for _ in range(3)]
    with anyio.fail_after(PATIENCE):
        while await engine.client.health() is None:
            pass
    winner = (await engine.health())["pid"]
    for process in processes:
        if process.pid != winner:
            assert await wait_exit(process) == 1
    assert engine.paths.engine_log_file.read_text().count("Another engine is running") == 2
    engine.process = next(process for process in processes if process.pid == winner)
    await engine.stop()
    assert engine.process.returncode == 0


async def test_stale_socket_is_replaced(engine: EngineProcess) -> None:
    engine.paths.runtime.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(engine.paths.engine_socket))
    assert engine.paths.engine_socket.exists()
    assert text_of(await engine.collect(max_tokens=5)) == "abcde"


async def test_killed_in_an_answer_it_is_replaced(engine: EngineProcess) -> None:
    process = await engine.start()
    with pytest.raises(BackendError, match="ended in the middle"):
        await engine.read_until("c", process.kill)
    assert await wait_exit(process) == -signal.SIGKILL
    assert text_of(await engine.collect(max_tokens=5)) == "abcde"
    assert (await engine.health())["pid"] != process.pid


async def test_crash_leaves_a_stack_in_the_log(engine: EngineProcess) -> None:
    process = await engine.start()
    process.send_signal(signal.SIGABRT)
    # Writing the stacks of threads that go on may itself end it: they are not held still.
    assert await wait_exit(process) in (-signal.SIGABRT, -signal.SIGSEGV)
    log = engine.paths.engine_log_file.read_text()
    assert "Fatal Python error: Aborted" in log
    assert "process.py" in log


async def test_killed_while_it_loads_is_an_error_too(engine: EngineProcess) -> None:
    process = await engine.start()
    async with anyio.create_task_group() as tasks:
        failed = anyio.Event()

        async def ask() -> None:
            with pytest.raises(BackendError, match="ended in the middle"):
                await engine.collect(content="x" * 200_000)
            failed.set()

        tasks.start_soon(ask)
        await engine.wait_until(lambda health: health["active_requests"] == 1)
        process.kill()
        with anyio.fail_after(PATIENCE):
            await failed.wait()
    await wait_exit(process)


async def test_second_by_hand_says_so(engine: EngineProcess) -> None:
    await engine.start()
    second = await anyio.run_process([sys.executable, "-m", "acp_agent", "engine"], check=False)
    assert second.returncode == 1
    assert b"Another engine is running" in second.stderr


async def test_start_that_fails_is_explained(engine: EngineProcess) -> None:
    engine.paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    engine.paths.config_file.write_text("nonsense =")
    with pytest.raises(BackendUnavailable, match="acp-agent engine"):
        await engine.collect(max_tokens=1)


async def test_start_that_takes_too_long_is_explained(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/cat")
    engine.client = engine.new_client(start_timeout=0.2)
    with pytest.raises(BackendUnavailable, match="acp-agent engine"):
        await engine.collect()
