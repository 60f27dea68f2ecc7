"""A look at the engine from outside: its ``/health`` and its process.

Owns waiting for states that nobody announces; only for those may a test look repeatedly.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import psutil

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from tests.e2e.editor import LIMIT

_INTERVAL = 0.1
_QUIET = 0.5
_STILL = 1.5
"""Seconds in which any machine that runs these tests decodes several tokens."""


async def until(condition: Callable[[], Awaitable[bool]], interval: float = _INTERVAL) -> None:
    """Returns once ``condition`` holds; looks every ``interval`` seconds.

    Raises:
        TimeoutError: it did not come to hold.
    """
    with anyio.fail_after(LIMIT):
        while not await condition():
            with anyio.move_on_after(interval):
                await anyio.Event().wait()


async def until_ended(pid: int) -> None:
    """Returns once the process ``pid`` runs no more (nobody need have reaped it)."""

    async def ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await until(ended)


async def until_quiet(process: psutil.Process) -> None:
    """Returns once two looks some tenths apart show that ``process`` used no processor time."""
    last: tuple[float, float] | None = None

    async def quiet() -> bool:
        nonlocal last
        times = process.cpu_times()
        before, last = last, (times.user, times.system)
        return before == last

    await until(quiet, _QUIET)


class EngineProbe:
    """The engine of the agents that live below ``home``."""

    def __init__(self, home: Path) -> None:
        self._client = EngineClient(find_paths({"ACP_AGENT_HOME": str(home)}), EngineSettings())

    async def health(self) -> dict[str, Any]:
        """What the engine says of itself; it must be running."""
        health = await self._client.health()
        assert health is not None
        return health

    async def status(self) -> dict[str, Any]:
        """All that the engine tells of itself; it must be running."""
        status = await self._client.status()
        assert status is not None
        return status

    async def pid(self) -> int:
        """The engine's process."""
        return (await self.health())["pid"]

    async def until_idle(self) -> dict[str, Any]:
        """The health once nothing runs and nothing waits."""
        health: dict[str, Any] = {}

        async def idle() -> bool:
            nonlocal health
            health = await self.health()
            return not health["active_requests"] and not health["queued_requests"]

        await until(idle)
        return health

    async def decoded(self) -> int:
        """Tokens decoded since the engine started, once it is idle."""
        return (await self.until_idle())["decoded_tokens"]

    async def until_still(self) -> dict[str, Any]:
        """The health once two looks a while apart show no work between them."""
        last: dict[str, Any] = {}

        async def still() -> bool:
            nonlocal last
            before, last = last, await self.health()
            return bool(before) and _progress(before) == _progress(last)

        await until(still, _STILL)
        return last


def _progress(health: dict[str, Any]) -> tuple[int, int]:
    return health["decoded_tokens"], health["prefilled_tokens"]
