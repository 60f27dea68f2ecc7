"""Commands of an agent that is killed: none goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import pytest

from acp_agent.tools.commands import processes
from acp_agent.tools.commands.containment import Uncontained, find_mechanisms, works
from acp_agent.tools.workspace import Containment
from tests.tools.commands.test_local_commands import LONG, family, run, until_file

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="the commands here are for a POSIX shell"),
]

WAYS = [Uncontained(), *(each for each in find_mechanisms(False) if works(each))]
STUBBORN = f"trap '' TERM; setsid sleep {LONG} & sleep {LONG} & echo x > ready; sleep {LONG}"
AGENT = """
import sys
from pathlib import Path
import anyio, anyio.lowlevel
from acp_agent.tools.commands.local_commands import LocalCommands
run = LocalCommands().run
anyio.run(lambda: run(
    sys.argv[1:], directory=Path.cwd(), environment={}, seconds=1000, output_limit=1000,
    show=lambda _: anyio.lowlevel.checkpoint(),
))
"""


@contextmanager
def agent(argv: list[str], folder: Path) -> Generator["subprocess.Popen[bytes]"]:
    """A process that runs ``argv`` as the agent runs a command."""
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", AGENT, *argv]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": root}) as process:
        try:
            yield process
        finally:
            process.kill()


async def until_all_ended() -> None:
    with anyio.fail_after(30):
        while family():
            await anyio.to_thread.run_sync(psutil.pids)


@pytest.mark.parametrize("via", WAYS, ids=lambda each: type(each).__name__)
async def test_commands_end_with_an_agent_that_is_killed(tmp_path: Path, via: Containment) -> None:
    with agent(via.wrap(STUBBORN, [tmp_path]), tmp_path) as process:
        with anyio.fail_after(30):
            await until_file(tmp_path / "ready")
        assert family()
        process.send_signal(signal.SIGKILL)
        await until_all_ended()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
def test_an_agent_that_dies_before_it_names_the_command_is_enough(tmp_path: Path) -> None:
    """What the process beside a command does when its input ends at once."""
    marked = {**os.environ, processes.MARK: "mark-of-a-test"}
    with subprocess.Popen(["sleep", str(LONG)], env=marked) as sleeping:
        command = [sys.executable, "-I", "-S", processes.__file__, "mark-of-a-test"]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=30)
        assert sleeping.wait(30) == -signal.SIGTERM


async def test_nothing_stays_beside_a_command_that_has_ended(tmp_path: Path) -> None:
    before = psutil.Process().children(recursive=True)
    await run("true", tmp_path)
    assert psutil.Process().children(recursive=True) == before
