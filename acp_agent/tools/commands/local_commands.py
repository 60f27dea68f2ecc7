"""Commands as processes of this machine.

Owns starting a command apart from us, following its output, its time limit, and that
nothing it started outlives it. Does not own what may run (``acp_agent.permissions``), what
it is kept from (``containment``), finding its processes (``processes``), nor its end when
we are killed (``lifeline``).
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import Process

from acp_agent.tools.commands.lifeline import lifeline
from acp_agent.tools.commands.processes import GRACE, MARK, end_family
from acp_agent.tools.commands.terminal_text import BoundedOutput, clean, code_block
from acp_agent.tools.shown import Shown, ShownText
from acp_agent.tools.workspace import CommandEnd, FileProblem

_CHUNK = 64 * 1024
_SHOWN_BYTES = 4096
"""Of a running command's output, what the user is shown: the end of it."""
_SHOW_EVERY = 0.5
_DRAIN = 0.2
"""Seconds in which what a command left behind may still write, once it has ended."""
_LAST_WAIT = 5.0
"""Seconds after which a process that even SIGKILL has not ended is left to the system."""

Show = Callable[[Shown], Awaitable[None]]


class LocalCommands:
    """Runs programs as our own processes. Implements ``workspace.Commands``."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        seconds: float,
        output_limit: int,
        show: Show,
    ) -> CommandEnd:
        """As ``Commands.run``."""
        output = BoundedOutput(output_limit)
        async with _Running.start(argv, directory, environment, output) as running:
            with anyio.move_on_after(seconds) as limit:
                await running.follow(show)
        code = running.process.returncode
        if limit.cancelled_caught:
            return CommandEnd(output.text(), timed_out=True)
        if code is not None and code < 0:
            return CommandEnd(output.text(), signal=_signal_name(-code))
        return CommandEnd(output.text(), code)


class _Running:
    """A process, the end of the pipe that it writes to, and what came of it."""

    def __init__(self, process: Process, pipe: int, output: BoundedOutput, mark: str) -> None:
        self.process = process
        self._pipe = pipe
        self._output = output
        self._mark = mark
        self._has_ended = False

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        argv: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        output: BoundedOutput,
    ) -> AsyncGenerator["_Running", None]:
        """The running process; at the end of the context nothing of it is left."""
        mark = secrets.token_hex(16)
        marked = {**environment, MARK: mark}
        async with AsyncExitStack() as stack:
            with _explained():
                tell = await stack.enter_async_context(lifeline(mark))
            # A pipe of ours: asyncio's ends only when all that hold it have.
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            if sys.platform != "win32":
                os.set_blocking(reading, False)
            try:
                with _explained():
                    process = await _open(argv, directory, marked, writing)
            finally:
                os.close(writing)
            running = cls(process, reading, output, mark)
            stack.push_async_callback(running.end)
            await tell(process.pid)
            yield running

    async def follow(self, show: Show) -> None:
        """Until the process has ended, and its output where nothing else holds the pipe."""
        closed = anyio.Event()

        async def read() -> None:
            while not await self._take_next():
                pass
            closed.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            tasks.start_soon(self._show, show)
            await self.process.wait()
            self._has_ended = True
            with anyio.move_on_after(_DRAIN):
                await closed.wait()
            tasks.cancel_scope.cancel()

    async def end(self) -> None:
        """Ends the process and all that it started, cancelled or not."""
        grace = 0.0 if self._has_ended else GRACE
        free = anyio.CapacityLimiter(1)  # this thread must not wait for others to end
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(
                end_family, self.process.pid, self._mark, grace, limiter=free
            )
            with anyio.move_on_after(_LAST_WAIT):
                await self.process.wait()
        if sys.platform != "win32":
            self._take()

    async def _take_next(self) -> bool:
        """Waits for output and takes it; True at the end of it."""
        if sys.platform == "win32":  # its pipes cannot be waited for
            return await anyio.to_thread.run_sync(self._take, abandon_on_cancel=True)
        await anyio.wait_readable(self._pipe)
        return self._take()

    def _take(self) -> bool:
        """Takes the output that is there, a bounded amount; True at the end of it."""
        for _ in range(16):
            try:
                data = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._output.add(data)
        return False

    async def _show(self, show: Show) -> None:
        shown = 0
        while True:
            await anyio.sleep(_SHOW_EVERY)
            if self._output.size > shown:
                shown = self._output.size
                await show(ShownText(code_block(clean(self._output.last(_SHOWN_BYTES)))))


async def _open(
    argv: Sequence[str], directory: Path, environment: Mapping[str, str], output: int
) -> Process:
    process = None
    # Shielded: cancelled in between, asyncio would end the program but not its children.
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **environment},
            start_new_session=sys.platform != "win32",
        )
    assert process is not None
    return process


@contextmanager
def _explained() -> Generator[None]:
    """Tells the model why a program could not be started."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileProblem(f"The command could not be started: {reason}.") from error
    except ValueError as error:
        problem = "The command could not be started: it has characters that none can have."
        raise FileProblem(problem) from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
