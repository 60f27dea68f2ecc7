"""Reading the machine's memory: Linux from a made-up /proc, macOS from a made-up kernel."""

import sys
from pathlib import Path

import pytest

from acp_agent.config.machine import Machine, Stall, explain_unfit, format_memory

GB = 2**30

MEMINFO = "MemTotal:       16777216 kB\nMemFree: 100 kB\nMemAvailable:    8388608 kB\n"
PRESSURE = (
    "some avg10=12.50 avg60=1.00 avg300=0.10 total=5\n"
    "full avg10=3.25 avg60=0.00 avg300=0.00 total=1\n"
)


class FakeKernel:
    """macOS's kernel with fixed answers."""

    def __init__(self, pages: int | None = 400_000, **numbers: int) -> None:
        self.pages = pages
        self.numbers = numbers

    def number(self, name: str) -> int | None:
        return self.numbers.get(name.replace(".", "_"))

    def text(self, name: str) -> str | None:
        return "Apple M2" if name == "machdep.cpu.brand_string" else None

    def reusable_pages(self) -> int | None:
        return self.pages

    def footprint(self) -> int | None:
        return 123


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def linux(root: Path) -> Machine:
    return Machine(root=root, platform="linux")


def put_group(root: Path, group: str, limit: str, used: int, cached: int = 0) -> None:
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_linux_total_and_available(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO)
    assert (linux(tmp_path).total(), linux(tmp_path).available()) == (16 * GB, 8 * GB)


def test_a_containers_limit_counts_where_it_is_lower(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="4:memory:/v1\n0::/a/b\n")
    put_group(tmp_path, "a/b", "max", 1 * GB)
    put_group(tmp_path, "a", str(4 * GB), 3 * GB, cached=GB)
    put_group(tmp_path, ".", str(12 * GB), 5 * GB)
    machine = linux(tmp_path)
    assert (machine.total(), machine.available()) == (4 * GB, 2 * GB)
    put_group(tmp_path, "a", str(4 * GB), 5 * GB)
    assert machine.available() == 0


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/\n")
    put_group(tmp_path, ".", str(2 * GB), GB)
    assert (linux(tmp_path).total(), linux(tmp_path).available()) == (2 * GB, GB)


def test_linux_stalls(tmp_path: Path) -> None:
    put(tmp_path, proc__pressure__memory=PRESSURE)
    assert linux(tmp_path).stall() == Stall(12.5, 3.25)
    put(tmp_path, proc__pressure__memory="some avg10=odd\n")
    assert linux(tmp_path).stall() == Stall(0.0, 0.0)


def test_the_chip(tmp_path: Path) -> None:
    put(tmp_path, proc__cpuinfo="processor : 0\nmodel name\t: Some CPU @ 2 GHz\n")
    assert linux(tmp_path).chip() == "Some CPU @ 2 GHz"
    assert Machine(platform="darwin", kernel=FakeKernel()).chip() == "Apple M2"


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    for machine in (
        linux(tmp_path),
        Machine(root=tmp_path, platform="darwin", kernel=FakeKernel(None)),
    ):
        assert machine.total() is machine.available() is None
        assert machine.stall() is machine.pressure_level() is None
    assert linux(tmp_path).resident() is None
    assert linux(tmp_path).chip() == ""


def test_macos_from_its_kernel(tmp_path: Path) -> None:
    kernel = FakeKernel(
        hw_memsize=16 * GB, hw_pagesize=16384, kern_memorystatus_vm_pressure_level=2
    )
    machine = Machine(root=tmp_path, platform="darwin", kernel=kernel)
    assert machine.total() == 16 * GB
    assert machine.available() == 400_000 * 16384
    assert machine.resident() == 123
    assert machine.pressure_level() == 2
    assert machine.stall() is None


@pytest.mark.skipif(sys.platform == "win32", reason="neither /proc nor macOS's kernel")
def test_the_machine_that_runs_this() -> None:
    machine = Machine()
    total, available, resident = machine.total(), machine.available(), machine.resident()
    assert total is not None
    assert available is not None
    assert resident is not None
    assert 0 < available <= total
    ours = bytearray(64 * 2**20)
    ours[::4096] = b"x" * len(ours[::4096])
    assert (machine.resident() or 0) > resident + 32 * 2**20


@pytest.mark.parametrize(
    ("minimum", "recommended", "total", "severity"),
    [
        (16 * GB, 24 * GB, 8 * GB, "refuse"),
        (16 * GB, 24 * GB, 16 * GB, "warn"),
        # A machine of 16 GB reports less: its firmware and graphics take some.
        (16 * GB, None, int(15.4 * GB), None),
        (16 * GB, 24 * GB, 24 * GB, None),
        (None, None, 1, None),
        (16 * GB, 24 * GB, None, None),
    ],
)
def test_whether_a_machine_is_large_enough(
    minimum: int | None, recommended: int | None, total: int | None, severity: str | None
) -> None:
    unfit = explain_unfit(minimum, recommended, total)
    assert (unfit.severity if unfit else None) == severity


def test_the_reason_has_the_figures() -> None:
    unfit = explain_unfit(16 * GB, None, 8 * GB)
    assert unfit is not None
    assert "with 16 GB of memory, and this one has 8 GB" in unfit.reason


def test_memory_is_shown_as_it_is_sold() -> None:
    assert [format_memory(size) for size in (16 * GB, 12_100_000_000, 93 * 2**20)] == [
        "16 GB",
        "11.3 GB",
        "93 MB",
    ]
