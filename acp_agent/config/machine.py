"""How much memory this machine has, and what its system says about a shortage of it.

Owns the readings, on Linux and macOS, and whether a machine is large enough at all. Does
not own what is done about a shortage (``engine/host/memory``). What cannot be read is
None, everywhere. Sizes are in bytes.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

FIRMWARE_SHARE = 1 / 16
"""What a machine may report less than the size that it is sold with."""


class DarwinKernel(Protocol):
    """What is asked of macOS's kernel; ``config/darwin`` has it."""

    def number(self, name: str) -> int | None:
        """The integer behind a sysctl name."""
        ...

    def text(self, name: str) -> str | None:
        """The text behind a sysctl name."""
        ...

    def reusable_pages(self) -> int | None:
        """Pages that are free, cached files, or purgeable."""
        ...

    def footprint(self) -> int | None:
        """Bytes that this process is charged for, graphics memory included."""
        ...


@dataclass(slots=True, frozen=True)
class Stall:
    """Shares of the last 10 seconds, in percent, that were lost to waiting for memory.

    ``some``: at least one task waited; ``full``: all did.
    Source: https://docs.kernel.org/accounting/psi.html
    """

    some: float
    full: float


class Machine:
    """This machine's memory, read anew at every call.

    Args:
        root: what stands before ``/proc`` and ``/sys``, for tests.
        platform: as ``sys.platform``.
        kernel: macOS's kernel; None for the real one, on macOS.
    """

    def __init__(
        self,
        *,
        root: Path = Path("/"),
        platform: str = sys.platform,
        kernel: DarwinKernel | None = None,
    ) -> None:
        self._proc = root / "proc"
        self._cgroups = root / "sys" / "fs" / "cgroup"
        self._is_darwin = platform == "darwin"
        self._given_kernel = kernel

    def total(self) -> int | None:
        """All memory; in a container, what it may use."""
        if self._kernel is not None:
            return self._kernel.number("hw.memsize")
        return _least([self._read_meminfo("MemTotal"), *(limit for limit, _ in self._limits())])

    def available(self) -> int | None:
        """What can be had without taking it from a program.

        On Linux as the kernel estimates it, within the container's limits; on macOS what
        is free, holds cached files, or is purgeable.
        """
        if self._kernel is not None:
            pages, size = self._kernel.reusable_pages(), self._kernel.number("hw.pagesize")
            return None if pages is None or size is None else pages * size
        rests = (max(0, limit - used) for limit, used in self._limits())
        return _least([self._read_meminfo("MemAvailable"), *rests])

    def resident(self) -> int | None:
        """What this process occupies now; on macOS its footprint, as Activity Monitor has it."""
        if self._kernel is not None:
            return self._kernel.footprint()
        fields = (_read(self._proc / "self" / "statm") or "").split()
        return int(fields[1]) * _page_size() if len(fields) > 1 else None

    def stall(self) -> Stall | None:
        """Linux's memory stalls; None on other systems and where the kernel does not count."""
        shares: dict[str, float] = {}
        for line in (_read(self._proc / "pressure" / "memory") or "").splitlines():
            kind, _, rest = line.partition(" ")
            for field in rest.split():
                name, _, value = field.partition("=")
                if name == "avg10":
                    shares[kind] = _number(value)
        return Stall(shares["some"], shares.get("full", 0.0)) if "some" in shares else None

    def pressure_level(self) -> int | None:
        """macOS's memory pressure: 1 normal, 2 warning, 4 critical; None on other systems."""
        if self._kernel is None:
            return None
        return self._kernel.number("kern.memorystatus_vm_pressure_level")

    def chip(self) -> str:
        """The processor's name; empty where it has none."""
        if self._kernel is not None:
            return self._kernel.text("machdep.cpu.brand_string") or ""
        for line in (_read(self._proc / "cpuinfo") or "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
        return ""

    @cached_property
    def _kernel(self) -> DarwinKernel | None:
        if self._given_kernel is not None or not self._is_darwin:
            return self._given_kernel
        from acp_agent.config.darwin import Kernel

        return Kernel()

    def _read_meminfo(self, wanted: str) -> int | None:
        for line in (_read(self._proc / "meminfo") or "").splitlines():
            name, _, rest = line.partition(":")
            if name == wanted and (fields := rest.split()):
                return int(fields[0]) * 1024
        return None

    def _limits(self) -> Iterable[tuple[int, int]]:
        """(limit, in use) of this process's control groups, version 2; none have it unlimited.

        Cached files count as used there, but go when memory is wanted, so they are left out.
        Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
        """
        for line in (_read(self._proc / "self" / "cgroup") or "").splitlines():
            if not line.startswith("0::/"):
                continue
            own = self._cgroups / line.removeprefix("0::/")
            for group in [own, *own.parents]:
                limit, used = _read(group / "memory.max"), _read(group / "memory.current")
                if limit and limit.strip().isdigit():
                    yield int(limit), max(0, int(used or 0) - _read_cached_files(group))
                if group == self._cgroups:
                    break


@dataclass(slots=True, frozen=True)
class Unfit:
    """Why a machine is small for a model: ``refuse`` it, or ``warn``; in a sentence."""

    severity: Literal["refuse", "warn"]
    reason: str


def explain_unfit(minimum: int | None, recommended: int | None, total: int | None) -> Unfit | None:
    """What is wrong with ``total`` bytes for a model that wants ``minimum`` or more; or None.

    Only the size of the machine counts here, not what is free at the moment.
    """
    if total is None:
        return None
    reported = total / (1 - FIRMWARE_SHARE)
    if minimum is not None and reported < minimum:
        return Unfit(
            "refuse",
            f"It needs a machine with {format_memory(minimum)} of memory, and this one has "
            f"{format_memory(total)}: take a smaller model.",
        )
    if recommended is not None and reported < recommended:
        return Unfit(
            "warn",
            f"{format_memory(recommended)} of memory are recommended, and this machine has "
            f"{format_memory(total)}: close other large programs while it runs.",
        )
    return None


def format_memory(size: int) -> str:
    """``size`` for people in binary units, as memory is sold: ``16 GB``, ``12.3 GB``, ``90 MB``."""
    if size >= 2**30:
        return f"{size / 2**30:.1f}".removesuffix(".0") + " GB"
    return f"{size / 2**20:.0f} MB"


def _read_cached_files(group: Path) -> int:
    for line in (_read(group / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _least(sizes: Iterable[int | None]) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


def _page_size() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
