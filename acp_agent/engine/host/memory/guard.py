"""Keeps the engine from taking memory that the machine does not have.

Owns the decisions: whether a model may be loaded, which limits MLX gets, how short memory
is, whether an idle model has to go. Does not own loading and unloading (``scheduler``).
Everything but ``figures`` is called on the model's thread. Sizes are in bytes.
"""

import logging
from pathlib import Path
from typing import Protocol

from acp_agent.config.machine import FIRMWARE_SHARE, Machine, format_memory
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.device import DeviceMemory, MlxDevice
from acp_agent.engine.host.memory.needs import Needs, read_needs
from acp_agent.engine.host.memory.pressure import Pressure, PressureGauge, read_signal

_LOG = logging.getLogger(__name__)

KEPT_AFTER_USE = 60.0
"""Seconds after its last use in which only a critical shortage unloads a model."""
COMPRESSIBLE_SHARE = 1 / 4
"""Share of a Mac's memory that it is taken to free by compressing and swapping programs."""

_INTERVAL = 1.0
_MEMORY_SHARE = 0.8
_CACHE_SHARE = 1 / 16
_CACHE_LEAST, _CACHE_MOST = 256 * 2**20, 2 * 2**30
_SMALLER = "or take a smaller model in mode mlx or mode ollama"


class Device(Protocol):
    """The device that MLX computes on; ``MlxDevice`` is the real one."""

    def read(self) -> DeviceMemory: ...
    def limit(self, *, memory: int | None, cache: int, wired: int | None) -> None: ...
    def figures(self) -> dict[str, int]: ...
    def release(self) -> None: ...


class MemoryGuard:
    """Watches the machine's memory for one engine.

    Args:
        ignore_memory: whether a model that does not fit is loaded all the same.
    """

    def __init__(
        self,
        *,
        ignore_memory: bool = False,
        machine: Machine | None = None,
        device: Device | None = None,
    ) -> None:
        self._ignore = ignore_memory
        self._machine = machine or Machine()
        self._device = device or MlxDevice()
        self._gauge = PressureGauge()
        self._next_look = 0.0
        self._limits: dict[str, int] = {}

    def check_load(self, folder: Path) -> None:
        """Returns if the model in ``folder`` fits beside what is in memory now.

        Raises:
            ApiError: 503, it does not; the message says what to close or to take instead.
        """
        device = self._device.read()
        self._check(folder.name, read_needs(folder, widened=device.kind == "cpu"), device)

    def check_needs(self, name: str, needs: Needs) -> None:
        """As ``check_load``, for model ``name``, whose ``needs`` are known."""
        self._check(name, needs, self._device.read())

    def apply_limits(self) -> None:
        """Sets MLX's limits, after a model was loaded."""
        device = self._device.read()
        total = self._machine.total()
        whole = device.total or total
        cache = min(max(int((whole or 0) * _CACHE_SHARE), _CACHE_LEAST), _CACHE_MOST)
        # On Metal MLX's own limit stays: 1.5 times the working set, which it may exceed.
        memory = int(total * _MEMORY_SHARE) if device.kind == "cpu" and total else None
        limits = {"memory_limit": memory, "cache_limit": cache, "wired_limit": device.working_set}
        self._device.limit(memory=memory, cache=cache, wired=device.working_set)
        self._limits = {name: size for name, size in limits.items() if size is not None}

    def look(self, now: float) -> Pressure:
        """How short memory is at ``now`` (monotonic seconds); cheap enough for every step."""
        if now < self._next_look:
            return self._gauge.level
        self._next_look = now + _INTERVAL
        before = self._gauge.level
        machine = self._machine
        level = self._gauge.update(read_signal(machine.pressure_level(), machine.stall()), now)
        if level is not before:
            write = _LOG.warning if level > before else _LOG.info
            write("memory pressure is %s", level.name.lower())
        return level

    def may_admit(self, running: int, pressure: Pressure) -> bool:
        """Whether a sequence may begin beside ``running`` others.

        At FULL one still runs: a machine that always warns would never answer else.
        """
        if pressure is Pressure.FULL:
            return running == 0
        return pressure < Pressure.FULL

    def may_unload(self, idle_seconds: float, pressure: Pressure) -> bool:
        """Whether a model without work for ``idle_seconds`` has to go because of ``pressure``."""
        if pressure is Pressure.FULL:
            return idle_seconds >= KEPT_AFTER_USE
        return pressure is Pressure.CRITICAL

    def release(self) -> None:
        """Gives memory back to the system, after a model was dropped."""
        self._device.release()

    def figures(self) -> dict[str, int]:
        """Process, MLX, machine, pressure level and limits; what is not known is left out."""
        machine = self._machine
        known = {
            "rss": machine.resident(),
            "total": machine.total(),
            "available": machine.available(),
        }
        return {
            **{name: size for name, size in known.items() if size is not None},
            **self._device.figures(),
            "pressure": int(self._gauge.level),
            **self._limits,
        }

    def _check(self, name: str, needs: Needs, device: DeviceMemory) -> None:
        reason = self._explain_short(name, needs, device)
        if reason is None or self._ignore:
            if reason is not None:
                _LOG.warning("loading all the same, as the settings say: %s", reason)
            _note_platform(name, needs, device)
            return
        available = self._machine.available() if device.free is None else device.free
        raise ApiError(
            503,
            "memory_short",
            f"{reason} `engine.ignore_memory` loads it all the same.",
            param="model",
            needed=needs.total,
            available=available or 0,
        )

    def _explain_short(self, name: str, needs: Needs, device: DeviceMemory) -> str | None:
        """Why ``name`` does not fit, or None."""
        wanted = f"{name} needs about {format_memory(needs.total)}"
        if device.kind == "cuda":
            if device.free is None or needs.total <= device.free:
                return None
            return (
                f"{wanted} of the graphics card's memory, of which {format_memory(device.free)} "
                f"is free: end other programs that use it, {_SMALLER}."
            )
        total, available = self._machine.total(), self._machine.available()
        if total is None:
            return None
        if needs.minimum and total / (1 - FIRMWARE_SHARE) < needs.minimum:
            return (
                f"{name} is for machines with {format_memory(needs.minimum)} of memory or more, "
                f"and this one has {format_memory(total)}: take a smaller model in mode mlx or "
                "mode ollama."
            )
        if needs.total > total:
            return (
                f"{wanted} of memory, and this machine has {format_memory(total)} in all: take a "
                "smaller model in mode mlx or mode ollama."
            )
        if self._gauge.level is Pressure.CRITICAL:
            return (
                "The system says that memory is critically short at the moment: close what holds "
                "much of it, and try again in half a minute."
            )
        spare = int(total * COMPRESSIBLE_SHARE) if device.kind == "metal" else 0
        if available is None or needs.total <= available + spare:
            return None
        return (
            f"{wanted} of memory, of which {format_memory(available)} of "
            f"{format_memory(total)} is free: close what holds much of it (browsers, virtual "
            f"machines, other local models, also those that Ollama still keeps), {_SMALLER}."
        )


def _note_platform(name: str, needs: Needs, device: DeviceMemory) -> None:
    if device.kind == "cpu":
        _LOG.warning("%s runs on the processor alone: expect it to be slow", name)
    elif device.kind == "cuda":
        _LOG.warning("%s runs on CUDA, where this engine is little tested", name)
    elif device.working_set is not None and needs.total > device.working_set:
        _LOG.warning(
            "%s needs %s and Metal recommends %s at most: it may be slow; "
            "`sudo sysctl iogpu.wired_limit_mb=N` raises that until the next start",
            name,
            format_memory(needs.total),
            format_memory(device.working_set),
        )
