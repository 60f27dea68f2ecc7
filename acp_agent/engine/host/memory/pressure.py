"""How short of memory the machine is, in four levels, from the system's own signals.

Owns the levels and their hysteresis. Does not own reading the signals
(``config/machine``) or acting on them. A share of memory in use is no signal: a model of
12 GB fills a machine of 16 GB as it should, and nothing is short.
"""

from enum import IntEnum

from acp_agent.config.machine import Stall

LASTING = 30.0
"""Seconds of warnings in a row after which nothing more is let in."""
CALM = 30.0
"""Seconds that the signals must be better before the level is."""

_DARWIN_WARNING, _DARWIN_CRITICAL = 2, 4
_SOME_WARN, _SOME_FULL = 10.0, 30.0
_ALL_FULL, _ALL_CRITICAL = 10.0, 40.0
"""Percent of the last 10 seconds in which some, or all, tasks waited for memory."""


class Pressure(IntEnum):
    """NORMAL; WARN: it is in the log; FULL: no more sequences; CRITICAL: an idle model goes."""

    NORMAL = 0
    WARN = 1
    FULL = 2
    CRITICAL = 3


def read_signal(level: int | None, stall: Stall | None) -> Pressure:
    """What the signals say at this moment; what is None says nothing.

    Args:
        level: macOS's pressure level.
        stall: Linux's memory stalls.
    """
    return max(_from_level(level), _from_stall(stall))


def _from_level(level: int | None) -> Pressure:
    if level is None or level < _DARWIN_WARNING:
        return Pressure.NORMAL
    return Pressure.WARN if level < _DARWIN_CRITICAL else Pressure.CRITICAL


def _from_stall(stall: Stall | None) -> Pressure:
    if stall is None:
        return Pressure.NORMAL
    if stall.full >= _ALL_CRITICAL:
        return Pressure.CRITICAL
    if stall.full >= _ALL_FULL or stall.some >= _SOME_FULL:
        return Pressure.FULL
    return Pressure.WARN if stall.some >= _SOME_WARN else Pressure.NORMAL


class PressureGauge:
    """The level in force: it rises at once and falls only after a calm time.

    A warning that lasts becomes FULL, because macOS has nothing between warning and
    critical.
    """

    def __init__(self) -> None:
        self.level = Pressure.NORMAL
        self._warned_since: float | None = None
        self._calm_since = 0.0
        self._highest_since: Pressure | None = None

    def update(self, signal: Pressure, now: float) -> Pressure:
        """The level after ``signal`` at ``now`` (seconds of a monotonic clock)."""
        signal = self._escalate(signal, now)
        if signal >= self.level:
            self.level, self._highest_since = signal, None
        elif self._highest_since is None:
            self._calm_since, self._highest_since = now, signal
        else:
            self._highest_since = max(self._highest_since, signal)
            if now - self._calm_since >= CALM:
                self.level, self._highest_since = self._highest_since, None
        return self.level

    def _escalate(self, signal: Pressure, now: float) -> Pressure:
        if signal is Pressure.NORMAL:
            self._warned_since = None
        elif self._warned_since is None:
            self._warned_since = now
        elif signal is Pressure.WARN and now - self._warned_since >= LASTING:
            return Pressure.FULL
        return signal
