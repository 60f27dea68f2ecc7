"""``acp-agent engine status|stop|unload|logs``: what they print and how they exit."""

import argparse
import functools
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from acp_agent.cli import engine as command
from acp_agent.cli.engine_report import describe
from acp_agent.config.paths import find_paths
from acp_agent.engine import connection, handover
from acp_agent.errors import AgentError
from tests.fixtures.engine_process import PATIENCE
from tests.fixtures.fake_engine import HEALTH, Answer, FakeEngine

pytestmark = pytest.mark.anyio

STATUS = {
    "version": "1.2.3",
    "protocol": 2,
    "pid": 42,
    "state": "busy",
    "draining": False,
    "active_requests": 2,
    "queued_requests": 1,
    "decoded_tokens": 1234,
    "models": [
        {"id": "big", "state": "busy", "memory": 12 * 2**30, "sequences": 2, "parked": 1},
        {
            "id": "small",
            "state": "ready",
            "memory": 0,
            "last_used_seconds_ago": 150,
            "cache": {"bytes": 2**28, "disk_bytes": 2**30, "hits": 3},
        },
    ],
    "memory": {"rss": 13 * 2**30, "pressure": 2},
}


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "INTERVAL", 0.01)
    monkeypatch.setattr(command, "_INTERVAL", 0.01)


def invoke(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


async def invoke_beside(*words: str) -> int:
    """``invoke`` while the event loop, and a fake engine on it, goes on."""
    with anyio.fail_after(PATIENCE):
        return await anyio.to_thread.run_sync(functools.partial(invoke, *words))


def answer_json(engine: FakeEngine, path: str, content: object) -> Answer:
    answer = engine.answers[path] = Answer((json.dumps(content).encode(),))
    return answer


@pytest.mark.parametrize(
    ("words", "status", "output"),
    [
        (["status"], 3, "No engine is running.\n"),
        (["status", "--json"], 3, "null\n"),
        (["stop"], 0, "No engine is running.\n"),
        (["stop", "--now"], 0, "No engine is running.\n"),
        (["unload"], 0, "No engine is running.\n"),
    ],
)
def test_without_an_engine(
    words: list[str], status: int, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(*words) == status
    assert capsys.readouterr().out == output


@pytest.mark.parametrize("words", [["status"], ["stop", "--now"], ["logs"]])
def test_options_of_a_run_are_refused(words: list[str]) -> None:
    with pytest.raises(AgentError, match="--max-sequences is for running an engine"):
        invoke("--max-sequences", "2", *words)


async def test_status_in_words(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    answer_json(engine, "/v1/engine/status", STATUS)
    assert await invoke_beside("status") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Engine 1.2.3, process 42, protocol 2: busy",
        "  big: busy, 12 GB, 2 answers (1 for a reader that is behind)",
        "  small: ready, last used 2 min ago, past prompts 256 MB in memory and 1 GB on disk",
        "  answering 2, waiting 1",
        "  tokens since its start: 1,234 written",
        "  memory: the engine 13 GB",
        "  memory is short: one answer at a time, and models go after a minute without use",
    ]


async def test_status_for_programs(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    answer_json(engine, "/v1/engine/status", STATUS)
    assert await invoke_beside("status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == STATUS


async def test_status_of_an_older_engine(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.health = {"status": "ok", "protocol": 1, "version": "0.1", "pid": 7}
    assert await invoke_beside("status") == 0
    assert capsys.readouterr().out.startswith("Engine 0.1, process 7, protocol 1: running\n")


def test_folders_of_the_same_name_are_told_apart() -> None:
    models = [
        {"id": "tiny", "path": f"~/{place}/tiny", "state": "ready"} for place in ("one", "two")
    ]
    lines = describe({**STATUS, "models": models})
    assert lines[1:3] == ["  tiny (~/one/tiny): ready", "  tiny (~/two/tiny): ready"]


def test_what_leaves_says_so() -> None:
    assert describe({**STATUS, "draining": True})[0].endswith(": leaving after its last answer")


async def test_stop_waits_for_the_answers(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.health = {**HEALTH, "pid": 1, "active_requests": 1}
    drain = answer_json(engine, "/v1/engine/drain", {})
    statuses: list[int] = []

    async def stop() -> None:
        statuses.append(await invoke_beside("stop"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        await drain.started.wait()
        await drain.stopped.wait()
        assert statuses == []
        engine.health = {**HEALTH, "pid": 2}
    assert statuses == [0]
    assert capsys.readouterr().out == (
        "Waiting for 1 answer to end; `acp-agent engine stop --now` ends it at once.\n"
        "The engine has ended.\n"
    )


async def test_stop_now(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.health = {**HEALTH, "pid": 1, "active_requests": 1}
    stop = answer_json(engine, "/v1/engine/stop", {})

    async def leave() -> None:
        await stop.started.wait()
        engine.health = {**HEALTH, "pid": 2}

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        assert await invoke_beside("stop", "--now") == 0
    assert capsys.readouterr().out == "The engine has ended.\n"


MUTE = """
import signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def mute() -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens where the engine would, and says nothing."""
    path = find_paths().engine_socket
    path.parent.mkdir(parents=True)
    command = [sys.executable, "-c", MUTE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_engine_that_hangs(
    mute: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(connection, "HEALTH_TIMEOUT", 0.2)
    for words in (["status"], ["stop"], ["unload"]):
        with pytest.raises(AgentError, match="`acp-agent engine stop --now`"):
            invoke(*words)
    assert mute.poll() is None
    assert invoke("stop", "--now") == 0
    assert "was killed" in capsys.readouterr().out
    assert mute.wait(PATIENCE) == -9


@pytest.mark.parametrize("words", [["big"], []])
async def test_unload_waits_until_it_is_done(
    words: list[str], engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    unload = answer_json(engine, "/v1/models/unload", {})
    told = answer_json(engine, "/v1/engine/status", {"models": [{"id": "big"}]})
    statuses: list[int] = []

    async def run() -> None:
        statuses.append(await invoke_beside("unload", *words))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await told.stopped.wait()
        assert statuses == []
        answer_json(engine, "/v1/engine/status", {"models": []})
    assert statuses == [0]
    assert unload.body == {"model": words[0] if words else None}
    told_so = "big is unloaded.\n" if words else "No model is in memory.\n"
    assert capsys.readouterr().out == told_so


async def test_unload_of_what_is_not_loaded(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_json(engine, "/v1/engine/status", {"models": [{"id": "big"}]})
    assert await invoke_beside("unload", "small") == 0
    assert capsys.readouterr().out == "small was not in memory.\n"


async def test_unload_of_what_is_in_use(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_UNLOAD_PATIENCE", 0.1)
    answer_json(engine, "/v1/models/unload", {})
    answer_json(engine, "/v1/engine/status", {"models": [{"id": "big"}]})
    assert await invoke_beside("unload", "big") == 1
    assert "still in use" in capsys.readouterr().out


def write_log(text: str) -> Path:
    path = find_paths().engine_log_file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)
    return path


def test_log_that_is_not_there() -> None:
    with pytest.raises(AgentError, match="has not been started yet"):
        invoke("logs")


@pytest.mark.parametrize(("words", "output"), [([], "one\ntwo\n"), (["-n", "1"], "two\n")])
def test_end_of_the_log(words: list[str], output: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_log("one\ntwo\n")
    assert invoke("logs", *words) == 0
    assert capsys.readouterr().out == output


@pytest.fixture
def follower() -> Iterator[Callable[[], str]]:
    """Reads a line of what ``logs -n 1 -f`` prints."""
    write_log("old\nlast\n")
    arguments = [sys.executable, "-m", "acp_agent", "engine", "logs", "-n", "1", "-f"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline
        process.kill()


@pytest.mark.timeout(30)
def test_log_is_followed_into_its_successor(follower: Callable[[], str]) -> None:
    assert follower() == "last\n"
    path = write_log("added\n")
    assert follower() == "added\n"
    path.replace(path.with_suffix(".log.1"))
    write_log("next\n")
    assert follower() == "next\n"
