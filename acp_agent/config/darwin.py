"""macOS's kernel, asked through the C library.

Owns the calls and the layout of their answers. Does not own what they mean
(``config/machine``). Layouts: ``mach/vm_statistics.h`` (struct vm_statistics64) and
``mach/task_info.h`` (struct task_vm_info) of the macOS SDK, both packed to 4 bytes.
"""

import ctypes
from functools import cached_property
from typing import Any

_HOST_VM_INFO64 = 4
_TASK_VM_INFO = 22
_WORDS = 38
"""32-bit words of both structures up to the last field that is read."""
_FREE, _PURGEABLE, _SPECULATIVE, _FILES = 0, 22, 23, 34
_FOOTPRINT = 36


class Kernel:
    """The kernel of the macOS that runs.

    Args:
        library: the C library; None opens the process's own.
    """

    def __init__(self, library: Any = None) -> None:
        self._given = library

    def number(self, name: str) -> int | None:
        """As ``DarwinKernel.number``."""
        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        failed = self._library.sysctlbyname(
            name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)
        )
        # Apple's machines are little-endian: an answer of four bytes fills the lower half.
        return None if failed else value.value

    def text(self, name: str) -> str | None:
        """The text behind a sysctl name."""
        value = ctypes.create_string_buffer(256)
        size = ctypes.c_size_t(len(value))
        failed = self._library.sysctlbyname(
            name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)
        )
        return None if failed else value.value.decode(errors="replace")

    def reusable_pages(self) -> int | None:
        """As ``DarwinKernel.reusable_pages``."""
        words = self._ask(self._library.host_statistics64, self._host, _HOST_VM_INFO64)
        if words is None:
            return None
        # Speculative pages hold files: counted as free, and among the files.
        return words[_FREE] - words[_SPECULATIVE] + words[_FILES] + words[_PURGEABLE]

    def footprint(self) -> int | None:
        """As ``DarwinKernel.footprint``."""
        words = self._ask(self._library.task_info, self._task, _TASK_VM_INFO)
        return None if words is None else words[_FOOTPRINT] | words[_FOOTPRINT + 1] << 32

    @cached_property
    def _library(self) -> Any:
        return self._given if self._given is not None else ctypes.CDLL(None)

    @cached_property
    def _host(self) -> int:
        # Asked once: each call adds a right that would have to be given back.
        self._library.mach_host_self.restype = ctypes.c_uint32
        return self._library.mach_host_self()

    @cached_property
    def _task(self) -> int:
        self._library.mach_task_self.restype = ctypes.c_uint32
        return self._library.mach_task_self()

    def _ask(self, function: Any, port: int, flavour: int) -> list[int] | None:
        words = (ctypes.c_uint32 * (2 * _WORDS))()
        count = ctypes.c_uint32(_WORDS)
        failed = function(ctypes.c_uint32(port), ctypes.c_int(flavour), words, ctypes.byref(count))
        return None if failed or count.value < _WORDS else list(words)
