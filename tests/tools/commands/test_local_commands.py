"""Commands as processes of this machine: their output, their end, and that nothing is left."""

import os
import sys
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import psutil
import pytest

from acp_agent.tools.commands.containment import Uncontained, find_mechanisms, works
from acp_agent.tools.commands.local_commands import LocalCommands
from acp_agent.tools.commands.processes import MARK
from acp_agent.tools.shown import Shown, ShownText
from acp_agent.tools.workspace import CommandEnd, Containment, FileProblem
from tests.conftest import RUN_VARIABLE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="the commands here are for a POSIX shell"),
]

LONG = 1000
PYTHON = sys.executable


def ignore(_: Shown) -> Awaitable[None]:
    return anyio.lowlevel.checkpoint()


async def run(command: str, directory: Path, *, via: Containment | None = None, **other: Any):
    arguments: dict[str, Any] = {
        "directory": directory,
        "environment": {},
        "seconds": 60,
        "output_limit": 10_000,
        "show": ignore,
    }
    argv = (via or Uncontained()).wrap(command, [directory])
    return await LocalCommands().run(argv, **(arguments | other))


def family() -> list[psutil.Process]:
    """Every process that a command of this test run is or left behind."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            its = process.environ()
            is_ours = its.get(RUN_VARIABLE) == os.environ[RUN_VARIABLE]
            if (
                is_ours
                and its.get(MARK) != os.environ.get(MARK)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


async def until_file(path: Path) -> str:
    """The file's content, once it has some."""
    while not (path.is_file() and path.read_text().strip()):
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(psutil.pids)
    return path.read_text().strip()


async def cancel_when(ready: Path, command: str, directory: Path, **other: Any) -> None:
    """Runs ``command`` and cancels it once there is something in the file ``ready``."""
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(run, command, directory, **other))
            await until_file(ready)
            tasks.cancel_scope.cancel()


async def test_output_of_both_streams_comes_in_order(tmp_path: Path) -> None:
    end = await run("echo one; echo two >&2; echo three; exit 3", tmp_path)
    assert end == CommandEnd("one\ntwo\nthree\n", 3)


async def test_the_text_is_the_shells_as_it_is(tmp_path: Path) -> None:
    end = await run("x='a  b'; printf '%s|' \"$x\" $x '$HOME' \\; \"a\nb\"", tmp_path)
    assert end.output == "a  b|a|b|$HOME|;|a\nb|"


async def test_directory_and_environment_are_given(tmp_path: Path) -> None:
    end = await run("pwd; echo $ADDED", tmp_path, environment={"ADDED": "here"})
    assert end.output == f"{tmp_path.resolve()}\nhere\n"


async def test_input_is_closed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    own = os.dup(0)
    os.dup2(reading, 0)  # as an editor's pipe, from which a command must not read
    try:
        with anyio.fail_after(30):
            assert await run("cat; tty", tmp_path) == CommandEnd("not a tty\n", 1)
    finally:
        os.dup2(own, 0)
        for descriptor in (own, reading, writing):
            os.close(descriptor)


async def test_a_signal_is_named(tmp_path: Path) -> None:
    assert await run("kill -SEGV $$", tmp_path) == CommandEnd("", signal="SIGSEGV")


async def test_what_cannot_start_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="could not be started: No such file"):
        await run("true", tmp_path / "nonesuch")
    with pytest.raises(FileProblem, match="could not be started: Argument list too long"):
        await run(":" * 3_000_000, tmp_path)
    with pytest.raises(FileProblem, match="characters that none can have"):
        await run("echo \0", tmp_path)


async def test_a_flood_keeps_head_and_tail_in_little_memory(tmp_path: Path) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    end = await run("echo first; head -c 300000000 /dev/zero | tr '\\0' x; echo last", tmp_path)
    assert end.output.startswith("first\nxxx")
    assert end.output.endswith("xxx" + "last\n")
    assert "bytes are left out here" in end.output
    assert len(end.output) < 11_000
    assert process.memory_info().rss - before < 100_000_000


async def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    end = await run("printf '\\377\\376\\000a'", tmp_path)
    assert end == CommandEnd("\ufffd\ufffd\0a", 0)


async def test_output_so_far_is_shown_at_a_pace(tmp_path: Path) -> None:
    shown: list[Shown] = []
    seen = anyio.Event()

    async def show(each: Shown) -> None:
        shown.append(each)
        seen.set()

    async with anyio.create_task_group() as tasks:
        command = f"printf '\\033[1m```ready'; sleep {LONG}"
        tasks.start_soon(partial(run, command, tmp_path, show=show))
        with anyio.fail_after(30):
            await seen.wait()
        tasks.cancel_scope.cancel()
    assert shown == [ShownText("````\n```ready\n````")]


async def test_the_time_limit_ends_it_and_keeps_the_output(tmp_path: Path) -> None:
    end = await run(f"echo begun; sleep {LONG}; echo never", tmp_path, seconds=0.5)
    assert end == CommandEnd("begun\n", timed_out=True)
    assert not family()


async def test_output_written_when_asked_to_end_is_kept(tmp_path: Path) -> None:
    command = f"trap 'echo tidied; exit' TERM; echo begun; sleep {LONG} & wait"
    end = await run(command, tmp_path, seconds=0.5)
    assert end == CommandEnd("begun\ntidied\n", timed_out=True)


@pytest.mark.parametrize(
    "command",
    [
        f"echo x > ready; sleep {LONG}",
        f"trap '' TERM; echo x > ready; sleep {LONG} & sleep {LONG}; sleep {LONG}",
        f"(trap '' TERM HUP INT; sleep {LONG}) & (sleep {LONG} &); echo x > ready; wait",
        f"setsid sleep {LONG} & echo x > ready; wait",
        f"(setsid sh -c 'sleep {LONG} & sleep {LONG}' >/dev/null 2>&1 &); echo x > ready;"
        f" sleep {LONG}",
        f"echo x > ready; while :; do sleep {LONG} & sleep 0.01; done",
        "yes x | tee ready",
    ],
)
async def test_a_cancel_leaves_no_process(tmp_path: Path, command: str) -> None:
    await cancel_when(tmp_path / "ready", command, tmp_path)
    assert not family()


DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
null = os.open(os.devnull, os.O_RDWR)
for number in range(3): os.dup2(null, number)
open(sys.argv[1], "w").write("x")
time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
@pytest.mark.parametrize("rest", ["sleep 1000", "until [ -s ready ]; do :; done; echo end"])
async def test_a_daemon_does_not_outlive_its_command(tmp_path: Path, rest: str) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    command = f"{PYTHON} daemon.py ready; {rest}"
    if "1000" in rest:
        await cancel_when(tmp_path / "ready", command, tmp_path)
    else:
        assert (await run(command, tmp_path)).output == "end\n"
    assert not family()


async def test_what_is_left_in_the_background_ends_with_the_command(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        end = await run(f"sleep {LONG} & echo end", tmp_path)
    assert end == CommandEnd("end\n", 0)
    assert not family()


@pytest.mark.parametrize("checkpoints", range(24))
async def test_a_cancel_at_any_point_leaves_no_process(tmp_path: Path, checkpoints: int) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, f"sleep {LONG} & sleep {LONG}", tmp_path)
        for _ in range(checkpoints):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert not family()


async def test_a_failing_viewer_leaves_no_process(tmp_path: Path) -> None:
    async def show(_: Shown) -> None:
        raise RuntimeError("the editor has gone")

    with pytest.RaisesGroup(RuntimeError):
        await run(f"echo x; sleep {LONG}", tmp_path, show=show)
    assert not family()


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    await run("true", tmp_path)
    before = psutil.Process().num_fds()
    for _ in range(5):
        await run(f"echo x; sleep {LONG} &", tmp_path)
    assert psutil.Process().num_fds() <= before


async def test_many_run_at_once(tmp_path: Path) -> None:
    ends: dict[int, CommandEnd] = {}

    async def one(number: int) -> None:
        ends[number] = await run(f"echo {number}", tmp_path)

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(one, number)
    assert {number: end.output for number, end in ends.items()} == {n: f"{n}\n" for n in range(12)}


MECHANISMS = [each for each in find_mechanisms(False) if works(each)]


@pytest.mark.parametrize("via", MECHANISMS, ids=lambda each: type(each).__name__)
async def test_contained_commands_end_alike(tmp_path: Path, via: Containment) -> None:
    assert await run("echo a; exit 3", tmp_path, via=via) == CommandEnd("a\n", 3)
    tidy = f"trap 'sleep 0.1; echo tidied; exit' TERM; echo begun; sleep {LONG} & wait"
    end = await run(tidy, tmp_path, via=via, seconds=1)
    assert end == CommandEnd("begun\ntidied\n", timed_out=True)
    (tmp_path / "daemon.py").write_text(DAEMON)
    command = f"{PYTHON} daemon.py ready; sleep {LONG}"
    await cancel_when(tmp_path / "ready", command, tmp_path, via=via)
    assert not family()
