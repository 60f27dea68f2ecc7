"""macOS's kernel: what a made-up C library answers, read with the SDK's layouts."""

import ctypes
from typing import Any

from acp_agent.config.darwin import Kernel


class Vm(ctypes.Structure):
    """struct vm_statistics64 of mach/vm_statistics.h, spelt out."""

    _pack_ = 4
    _layout_ = "ms"
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("free", "active", "inactive", "wire")),
        *((f"count{number}", ctypes.c_uint64) for number in range(9)),
        ("purgeable", ctypes.c_uint32),
        ("speculative", ctypes.c_uint32),
        *((f"swap{number}", ctypes.c_uint64) for number in range(4)),
        *((name, ctypes.c_uint32) for name in ("compressor", "throttled", "files", "internal")),
        ("compressed", ctypes.c_uint64),
    )


class Task(ctypes.Structure):
    """struct task_vm_info of mach/task_info.h up to its first revision, spelt out."""

    _pack_ = 4
    _layout_ = "ms"
    _fields_ = (
        ("virtual", ctypes.c_uint64),
        ("regions", ctypes.c_int32),
        ("page", ctypes.c_int32),
        *((f"size{number}", ctypes.c_uint64) for number in range(16)),
        ("footprint", ctypes.c_uint64),
    )


class Port:
    """A function without arguments that ctypes would let us type."""

    restype: Any = None

    def __call__(self) -> int:
        return 7


class FakeLibrary:
    """A C library; ``fails`` makes every call fail, ``short`` the structures too small."""

    def __init__(self, *, fails: bool = False, short: bool = False) -> None:
        self.fails = fails
        self.short = short
        self.mach_host_self = Port()
        self.mach_task_self = Port()

    def sysctlbyname(self, name: bytes, value: Any, size: Any, new: None, length: Any) -> int:
        answers = {b"hw.memsize": (2**35).to_bytes(8, "little"), b"level": b"\x02\0\0\0"}
        content = answers.get(name, b"Apple M2\0" if name == b"brand" else b"")
        if self.fails or not content:
            return -1
        ctypes.memmove(value, content, len(content))
        return 0

    def host_statistics64(self, host: Any, flavour: Any, out: Any, count: Any) -> int:
        assert (host.value, flavour.value) == (7, 4)
        return self._answer(Vm(free=100, speculative=30, files=500, purgeable=9), out, count)

    def task_info(self, task: Any, flavour: Any, out: Any, count: Any) -> int:
        assert (task.value, flavour.value) == (7, 22)
        return self._answer(Task(footprint=2**33 + 5), out, count)

    def _answer(self, structure: ctypes.Structure, out: Any, count: Any) -> int:
        words: Any = count._obj
        assert words.value * 4 == ctypes.sizeof(structure)
        ctypes.memmove(out, ctypes.byref(structure), ctypes.sizeof(structure))
        if self.short:
            words.value = 10
        return int(self.fails)


def test_numbers_of_four_and_eight_bytes_and_text() -> None:
    kernel = Kernel(FakeLibrary())
    assert kernel.number("hw.memsize") == 2**35
    assert kernel.number("level") == 2
    assert kernel.text("brand") == "Apple M2"


def test_pages_and_footprint_are_read_at_their_places() -> None:
    kernel = Kernel(FakeLibrary())
    assert kernel.reusable_pages() == 100 - 30 + 500 + 9
    assert kernel.footprint() == 2**33 + 5


def ask_all(kernel: Kernel) -> list[object]:
    return [
        kernel.number("hw.memsize"),
        kernel.text("brand"),
        kernel.reusable_pages(),
        kernel.footprint(),
    ]


def test_a_call_that_fails_is_none() -> None:
    assert None not in ask_all(Kernel(FakeLibrary()))
    assert ask_all(Kernel(FakeLibrary(fails=True))) == [None] * 4


def test_a_structure_too_short_is_none() -> None:
    kernel = Kernel(FakeLibrary(short=True))
    assert kernel.reusable_pages() is kernel.footprint() is None
