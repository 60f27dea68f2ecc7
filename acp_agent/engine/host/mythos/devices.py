"""The device that PyTorch computes on: choosing it, its memory and its precision.

Owns the calls to PyTorch about devices. Does not own decisions about memory
(``memory/guard``). Weights stay float32 everywhere: converting the module to half precision
would destroy the complex tables of its rotary positions. CUDA computes in bfloat16 by
autocast; MPS and the CPU, which gain little or nothing by that, in float32.
"""

import gc
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.device import DeviceMemory, Kind, trim_heap
from acp_agent.engine.host.mythos.library import load_torch

_KINDS: dict[str, Kind] = {"cuda": "cuda", "mps": "metal", "cpu": "cpu"}
"""In the order in which they are preferred."""


def choose_device(wanted: str | None) -> str:
    """``wanted`` if it is there; for None the first there is of cuda, mps and cpu.

    Raises:
        ApiError: 400, ``wanted`` is not there.
    """
    torch = load_torch()
    is_there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    there = [name for name in _KINDS if is_there[name]]
    if wanted is None:
        return there[0]
    if wanted not in there:
        message = (
            f"PyTorch finds no {wanted} device on this machine, only {' and '.join(there)}: set "
            "mythos.device (or OPENMYTHOS_DEVICE) to one of these, or leave it out."
        )
        raise ApiError(400, "device_missing", message, param="mythos.device")
    return wanted


def precision(device: str) -> AbstractContextManager[Any]:
    """The context in which a model computes on ``device``."""
    if device != "cuda":
        return nullcontext()
    torch = load_torch()
    is_new = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast("cuda", dtype=torch.bfloat16 if is_new else torch.float16)


class TorchDevice:
    """The memory of the device called ``name``; as ``memory.guard.Device``."""

    def __init__(self) -> None:
        self.name = "cpu"

    def read(self) -> DeviceMemory:
        """What the device is and has; sizes in bytes."""
        kind = _KINDS[self.name]
        if kind == "cuda":
            free, total = load_torch().cuda.mem_get_info()
            return DeviceMemory(kind, total=int(total), free=int(free))
        return DeviceMemory(kind)

    def limit(self, *, memory: int | None, cache: int, wired: int | None) -> None:
        """Nothing: PyTorch keeps no memory that it would not give back."""

    def figures(self) -> dict[str, int]:
        """None of its own."""
        return {}

    def release(self) -> None:
        """Gives all that is no longer used back to the system."""
        gc.collect()
        torch: Any = sys.modules.get("torch")
        if torch is not None and self.name in ("cuda", "mps"):
            getattr(torch, self.name).empty_cache()
        trim_heap()
