"""Work that SIGINT and SIGTERM end.

Owns what a signal does to a process of ours. Does not own the work.
"""

import os
import signal
from collections.abc import Awaitable, Callable

import anyio


async def run_until_signal(work: Callable[[], Awaitable[None]]) -> int:
    """Runs ``work``; the process's exit status: 0, or 128 and the number of the signal that
    ended it."""
    status = 0
    async with anyio.create_task_group() as tasks:

        async def end_on_signal() -> None:
            nonlocal status
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for number in signals:
                    status = 128 + number
                    tasks.cancel_scope.cancel()

        if os.name == "posix":
            tasks.start_soon(end_on_signal)
        await work()
        tasks.cancel_scope.cancel()
    return status
