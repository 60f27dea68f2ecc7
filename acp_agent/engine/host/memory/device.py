"""The memory of the device that MLX computes on: its kind, its figures and its limits.

Owns the calls to MLX, and giving memory back to the system. Does not own decisions
(``guard``). ``figures`` may be read by any thread and never imports MLX; all else belongs
to the model's thread.
"""

import ctypes
import gc
import logging
import sys
from dataclasses import dataclass
from typing import Any, Literal

_LOG = logging.getLogger(__name__)

Kind = Literal["cpu", "metal", "cuda"]


@dataclass(slots=True, frozen=True)
class DeviceMemory:
    """The device, with sizes in bytes and None for what it does not tell.

    Args:
        working_set: what Metal recommends to use at most.
        total: a graphics card's own memory.
        free: what of it is free.
    """

    kind: Kind
    working_set: int | None = None
    total: int | None = None
    free: int | None = None


class MlxDevice:
    """MLX's default device."""

    def read(self) -> DeviceMemory:
        """What the device is and has. Imports MLX."""
        import mlx.core as mx

        if mx.default_device().type == mx.DeviceType.cpu:
            return DeviceMemory("cpu")
        facts: dict[str, Any] = dict(mx.device_info())
        if mx.metal.is_available():
            return DeviceMemory("metal", _size(facts, "max_recommended_working_set_size"))
        return DeviceMemory(
            "cuda", total=_size(facts, "total_memory"), free=_size(facts, "free_memory")
        )

    def limit(self, *, memory: int | None, cache: int, wired: int | None) -> None:
        """Sets MLX's limits, in bytes; None leaves one as it is.

        Args:
            memory: a guideline for all that is computed with.
            cache: freed memory that is kept for the next step.
            wired: what macOS must not swap out (macOS 15 or newer).
        """
        import mlx.core as mx

        mx.set_cache_limit(cache)
        if memory is not None:
            mx.set_memory_limit(memory)
        if wired is not None:
            try:
                mx.set_wired_limit(wired)
            except (RuntimeError, ValueError) as error:
                _LOG.info("memory stays unwired: %s", error)

    def figures(self) -> dict[str, int]:
        """MLX's active, peak and cached memory; zeros before it is imported."""
        mx: Any = sys.modules.get("mlx.core")
        return {
            name: int(read()) if (read := getattr(mx, f"get_{name}_memory", None)) else 0
            for name in ("active", "peak", "cache")
        }

    def release(self) -> None:
        """Gives all that is no longer used back to the system, after a model was dropped."""
        gc.collect()
        if (mx := sys.modules.get("mlx.core")) is not None:
            mx.clear_cache()
        trim_heap()


def trim_heap() -> None:
    """Returns the C library's free memory to the system, where that is glibc.

    It keeps freed blocks below its threshold, up to 32 MB each; see malloc_trim(3).
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def _size(facts: dict[str, Any], name: str) -> int | None:
    value = facts.get(name)
    return value if isinstance(value, int) and value > 0 else None
