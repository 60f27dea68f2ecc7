"""Starting the engine: what it is told, its log, and ten agents that race."""

import argparse
import importlib.metadata
import importlib.util
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio.to_thread
import psutil
import pytest
from filelock import FileLock

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import launch
from acp_agent.engine.host.options import MEGABYTE, add_arguments, read_options
from tests.fixtures.engine_process import EngineProcess

AGENT = """
import sys
import anyio
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient

async def main():
    client = EngineClient(find_paths(), EngineSettings())
    body = {"model": "endless", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
    print("ready", flush=True)
    sys.stdin.read()
    chunks = [chunk async for chunk in client.chat(body)]
    print(chunks[-1]["usage"]["completion_tokens"], (await client.health())["pid"])

anyio.run(main)
"""


def test_openmythos_needs_its_package_only(monkeypatch: pytest.MonkeyPatch) -> None:
    found: set[str] = set()

    def find_spec(name: str) -> str | None:
        return name if name in found else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(sys, "platform", "linux")
    reason = launch.explain_no_mythos()
    assert reason is not None
    assert "pip install 'acp-agent[mythos]'" in reason
    assert launch.explain_no_engine() == launch.explain_unsupported() is not None
    found |= {"open_mythos", "torch"}
    assert launch.explain_no_mythos() is None
    assert launch.explain_no_engine() is None
    assert launch.explain_unsupported() is not None
    monkeypatch.setattr(sys, "platform", "win32")
    assert "Windows" in (launch.explain_no_mythos() or "")


@pytest.mark.slow
@pytest.mark.anyio
async def test_ten_agents_that_race_start_one(engine: EngineProcess) -> None:
    answers = await anyio.to_thread.run_sync(race, 10)
    pid = (await engine.health())["pid"]
    assert answers == [["2", str(pid)]] * 10
    assert engines_at(str(engine.paths.engine_socket)) == [pid]
    log = engine.paths.engine_log_file.read_text()
    assert log.count("listens") == 1
    assert "Another engine is running" not in log, "more than one was started"


def race(count: int) -> list[list[str]]:
    """The words that each of ``count`` agents prints; all prompt at the same moment."""
    command = [sys.executable, "-c", AGENT]
    with ExitStack() as ends:
        agents = [
            ends.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(count)
        ]
        pipes = [(agent.stdin, agent.stdout) for agent in agents]
        for _, output in pipes:
            assert output is not None
            assert output.readline() == "ready\n"
        for words, _ in pipes:
            assert words is not None
            words.close()
        return [output.read().split() for _, output in pipes if output is not None]


def engines_at(socket: str) -> list[int]:
    """The processes that were started with ``socket``."""
    return [each.pid for each in psutil.process_iter() if socket in _command_line(each)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_the_engine_is_told_all_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the agent that starts it hold, not those that its environment would give."""
    monkeypatch.setenv("ACP_AGENT_ENGINE_IGNORE_MEMORY", "true")
    monkeypatch.setenv("ACP_AGENT_ENGINE_MAX_SEQUENCES", "9")
    paths = find_paths()
    settings = EngineSettings(
        idle_timeout=1.5,
        start_timeout=2.5,
        unload_after="never",
        max_sequences=3,
        cache_memory=5,
        cache_disk=6,
        prefill_step=7,
    )
    command = launch.engine_command(paths, settings)
    assert command[:5] == [sys.executable, "-P", "-m", "acp_agent", "engine"]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = read_options(parser.parse_args(command[5:]))
    assert (options.socket, options.models) == (paths.engine_socket, paths.models)
    assert options.cache_folder == paths.prompt_caches
    assert (options.idle_timeout, options.start_timeout) == (1.5, 2.5)
    assert options.unload_after is None
    assert (options.max_sequences, options.prefill_step) == (3, 7)
    assert (options.cache_memory, options.cache_disk) == (5 * MEGABYTE, 6 * MEGABYTE)
    assert not options.ignore_memory


def test_no_setting_is_forgotten() -> None:
    command = launch.engine_command(find_paths(), EngineSettings(prefill_step=1))
    for name in EngineSettings.model_fields:
        option = name.replace("_", "-")
        assert f"--{option}" in command or f"--no-{option}" in command


def test_long_log_is_put_aside() -> None:
    path = find_paths().engine_log_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * (launch.LOG_LIMIT + 1))
    with open(launch.open_log(path), "w") as log:
        log.write("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_suffix(".log.1").stat().st_size == launch.LOG_LIMIT + 1


def test_lock_tells_whether_an_engine_lives() -> None:
    socket = find_paths().engine_socket
    assert launch.is_lock_free(socket)
    socket.parent.mkdir(parents=True)
    assert launch.is_lock_free(socket)
    with FileLock(launch.lock_file(socket)):
        assert not launch.is_lock_free(socket)
    assert launch.is_lock_free(socket)


def test_whether_mlx_has_a_gpu_is_told_without_loading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: set[str] = set()

    def find(name: str) -> object:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return object()

    monkeypatch.setattr(importlib.metadata, "distribution", find)
    assert launch.explain_no_gpu("darwin", tmp_path) is None
    without_card = launch.explain_no_gpu("linux", tmp_path)
    assert without_card is not None
    assert "run on the CPU, which is slow" in without_card
    assert "NVIDIA" not in without_card
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    assert "extra `cuda13`" in (launch.explain_no_gpu("linux", tmp_path) or "")
    installed.add("mlx-cuda-13")
    assert launch.explain_no_gpu("linux", tmp_path) is None
    (tmp_path / "dev" / "nvidiactl").unlink()
    assert launch.explain_no_gpu("linux", tmp_path) == without_card
