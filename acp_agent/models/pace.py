"""How fast a download is, and how long it will still take.

Owns rate and remaining time in words. Does not own showing them.
"""

import time
from collections.abc import Callable

from acp_agent.models.catalogue import format_size

_SETTLED = 1.0
"""Seconds after which a rate means something."""


class Pace:
    """Rate and remaining time of one stage, from its own start: what an earlier attempt
    brought counts as done and not as fast."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._since = 0.0
        self._first = 0

    def describe(self, stage: str, done: int, total: int) -> str:
        """``, 12 MB/s, 3 min left``; empty while neither is known."""
        now = self._clock()
        if stage != self._stage or done < self._first:
            self._stage, self._since, self._first = stage, now, done
        elapsed = now - self._since
        moved = done - self._first
        if elapsed < _SETTLED or moved <= 0:
            return ""
        rate = moved / elapsed
        left = f", {format_duration((total - done) / rate)} left" if done < total else ""
        return f", {format_size(int(rate))}/s{left}"


def format_duration(seconds: float) -> str:
    """``seconds`` for people, rounded: ``40 s``, ``3 min``, ``1 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
