"""Which endpoints answer lately, and looking again while sessions are open.

Owns the times: how often to look, how long silence may last, who counts as used. Does not own
how a look is done (``directory``).
"""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

CHECK_INTERVAL = 10.0
"""Seconds between two looks while sessions are open."""
OUT_AFTER = 30.0
"""Seconds of silence after which an endpoint is left out."""
USED_FOR = 600.0
"""Seconds since its last request in which an endpoint counts as used."""


class Health:
    """When endpoints, by name, were last heard of.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._silent: dict[str, tuple[float, float]] = {}
        self._used: dict[str, float] = {}

    def note_alive(self, name: str) -> None:
        """The endpoint has answered."""
        self._silent.pop(name, None)

    def note_silent(self, name: str) -> None:
        """The endpoint has not answered."""
        now = self.clock()
        first, _ = self._silent.get(name, (now, now))
        self._silent[name] = (first, now)

    def is_out(self, name: str) -> bool:
        """Whether it has been silent for ``OUT_AFTER``, from its first silence to the last: time
        in which nobody asked does not count."""
        first, last = self._silent.get(name, (0.0, 0.0))
        return last - first >= OUT_AFTER

    def note_used(self, name: str) -> None:
        """A request went to the endpoint."""
        self._used[name] = self.clock()

    def is_used(self, name: str) -> bool:
        """Whether a request went to it in the last ``USED_FOR`` seconds."""
        last = self._used.get(name)
        return last is not None and self.clock() - last < USED_FOR


class Looked(Protocol):
    """What is looked at again and again."""

    async def check(self) -> None: ...

    def snapshot(self) -> object:
        """What is known now, to be compared."""
        ...


async def watch(
    looked: Looked,
    changed: Callable[[], Awaitable[None]],
    wait: Callable[[float], Awaitable[object]] = anyio.sleep,
) -> None:
    """Looks every ``CHECK_INTERVAL`` and calls ``changed`` when something else is known than
    when it was last called. Runs until it is cancelled.
    """
    told = looked.snapshot()
    while True:
        await wait(CHECK_INTERVAL)
        await looked.check()
        now = looked.snapshot()
        if now != told:
            told = now
            await changed()
