"""Ending a command whose agent has died, be it by SIGKILL.

Owns a process beside each command of ours: its input ends when the agent does, and then it
ends the command's family. Does not own finding that family (``processes``), nor the end of
a command while the agent lives (``local_commands``).

The kernel's own means follow a process, not what it started, and Linux alone has them.
"""

import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import Process

_PROGRAM = Path(__file__).with_name("processes.py")


@asynccontextmanager
async def lifeline(mark: str) -> AsyncGenerator[Callable[[int], Awaitable[None]]]:
    """In its context, the command of ``mark`` does not outlive this process.

    Gives a function that takes the command's process id; before that, only what carries the
    mark is found. At the end of the context the command must have ended.

    Raises:
        OSError: the process beside it could not be started.
    """
    watcher: Process | None = None
    try:
        with anyio.CancelScope(shield=True):  # cancelled in there, it would be left
            watcher = await anyio.open_process(
                # -I and -S: neither the environment, the folder nor site may add code.
                [sys.executable, "-I", "-S", str(_PROGRAM), mark],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # What ends the agent's group must not end this with it.
                start_new_session=sys.platform != "win32",
            )

        async def tell(leader: int) -> None:
            assert watcher is not None
            assert watcher.stdin is not None
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await watcher.stdin.send(b"%d\n" % leader)

        yield tell
    finally:
        if watcher is not None:
            with anyio.CancelScope(shield=True):
                with suppress(ProcessLookupError):
                    watcher.kill()
                await watcher.aclose()
