"""The memory guard: what it refuses, with which words, its limits and its levels."""

import logging
from pathlib import Path

import pytest

from acp_agent.config.machine import Machine, Stall
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.device import DeviceMemory
from acp_agent.engine.host.memory.guard import MemoryGuard
from acp_agent.engine.host.memory.needs import Needs
from acp_agent.engine.host.memory.pressure import CALM, Pressure
from acp_agent.models.manifest import Manifest, describe_files, write_manifest

GB = 2**30


class FakeMachine(Machine):
    """A machine with the memory that the test says."""

    def __init__(self, total: int | None = 16 * GB, available: int | None = 8 * GB) -> None:
        super().__init__(platform="linux")
        self.sizes = total, available
        self.level: int | None = None
        self.stalls: Stall | None = None
        self.asked = 0

    def total(self) -> int | None:
        return self.sizes[0]

    def available(self) -> int | None:
        return self.sizes[1]

    def resident(self) -> int | None:
        return None

    def stall(self) -> Stall | None:
        self.asked += 1
        return self.stalls

    def pressure_level(self) -> int | None:
        return self.level


class FakeDevice:
    """A device that remembers its limits."""

    def __init__(self, memory: DeviceMemory | None = None) -> None:
        self.memory = memory or DeviceMemory("cpu")
        self.limits: dict[str, int | None] = {}
        self.released = 0

    def read(self) -> DeviceMemory:
        return self.memory

    def limit(self, *, memory: int | None, cache: int, wired: int | None) -> None:
        self.limits = {"memory": memory, "cache": cache, "wired": wired}

    def figures(self) -> dict[str, int]:
        return {"active": 1, "peak": 2, "cache": 3}

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of 4 GB in half precision, of which nothing but the header is written."""
    path = tmp_path / "some-model"
    path.mkdir()
    header = b'{"w": {"dtype": "BF16", "shape": [], "data_offsets": [0, 4294967296]}}'
    file = path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def refusal(guard: MemoryGuard, folder: Path) -> ApiError:
    with pytest.raises(ApiError) as caught:
        guard.check_load(folder)
    assert (caught.value.status, caught.value.code) == (503, "memory_short")
    return caught.value


def make(machine: FakeMachine, memory: DeviceMemory | None = None) -> MemoryGuard:
    return MemoryGuard(machine=machine, device=FakeDevice(memory))


def test_what_fits_may_be_loaded(folder: Path) -> None:
    make(FakeMachine(16 * GB, 9 * GB)).check_load(folder)
    make(FakeMachine(None, None)).check_load(folder)
    make(FakeMachine(16 * GB, None)).check_load(folder)


def test_model_without_a_folder_is_judged_by_its_needs() -> None:
    guard = make(FakeMachine(16 * GB, 9 * GB))
    guard.check_needs("deep", Needs(8 * GB, 9 * GB, None))
    with pytest.raises(
        ApiError, match=r"^deep needs about 10 GB of memory, of which 9 GB"
    ) as caught:
        guard.check_needs("deep", Needs(8 * GB, 10 * GB, None))
    assert caught.value.figures == {"needed": 10 * GB, "available": 9 * GB}


def test_on_a_cpu_half_precision_needs_twice_the_space(folder: Path) -> None:
    error = refusal(make(FakeMachine(16 * GB, 6 * GB)), folder)
    assert error.message.startswith(
        "some-model needs about 8.8 GB of memory, of which 6 GB of 16 GB is free: close "
    )
    assert "smaller model" in error.message
    assert "`engine.ignore_memory`" in error.message
    assert error.figures["available"] == 6 * GB
    assert 8 * GB < error.figures["needed"] < 9 * GB
    make(FakeMachine(16 * GB, 6 * GB), DeviceMemory("metal")).check_load(folder)


def test_more_than_the_machine_has_is_told_as_that(folder: Path) -> None:
    error = refusal(make(FakeMachine(8 * GB, 8 * GB)), folder)
    assert "this machine has 8 GB in all: take a smaller model" in error.message
    assert "close" not in error.message


def test_the_makers_minimum_is_the_machines_size(folder: Path) -> None:
    manifest = Manifest(
        id="some-model",
        name="Some model",
        description="For tests.",
        licence="MIT",
        minimum_memory=16 * GB,
        source="hub:tests/some-model@main",
        created="2026-01-01T00:00:00+00:00",
        files=describe_files(folder),
    )
    write_manifest(folder, manifest)
    error = refusal(make(FakeMachine(12 * GB, 12 * GB)), folder)
    assert "for machines with 16 GB of memory or more, and this one has 12 GB" in error.message
    make(FakeMachine(int(15.3 * GB), 12 * GB)).check_load(folder)


def test_a_mac_makes_room_by_compressing(folder: Path) -> None:
    metal = DeviceMemory("metal", working_set=10 * GB)
    make(FakeMachine(16 * GB, GB), metal).check_load(folder)
    refusal(make(FakeMachine(16 * GB, GB // 4), metal), folder)


def test_above_the_working_set_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(FakeMachine(), DeviceMemory("metal", working_set=4 * GB)).check_load(folder)
    assert "Metal recommends 4 GB at most" in caplog.text
    caplog.clear()
    make(FakeMachine(), DeviceMemory("metal", working_set=12 * GB)).check_load(folder)
    assert not caplog.records


def test_a_graphics_card_counts_with_its_own_memory(folder: Path) -> None:
    make(FakeMachine(GB, GB), DeviceMemory("cuda", total=8 * GB, free=5 * GB)).check_load(folder)
    make(FakeMachine(GB, GB), DeviceMemory("cuda")).check_load(folder)
    tight = DeviceMemory("cuda", total=8 * GB, free=3 * GB)
    error = refusal(make(FakeMachine(64 * GB, 64 * GB), tight), folder)
    assert "graphics card's memory, of which 3 GB is free" in error.message
    assert error.figures["available"] == 3 * GB


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_linux_loads_with_a_warning(
    kind: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = DeviceMemory("cpu") if kind == "cpu" else DeviceMemory("cuda")
    make(FakeMachine(64 * GB, 64 * GB), memory).check_load(folder)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_experts_may_load_anything(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard = MemoryGuard(ignore_memory=True, machine=FakeMachine(2 * GB, GB), device=FakeDevice())
    guard.check_load(folder)
    assert "loading all the same" in caplog.text


def test_limits_on_a_cpu() -> None:
    device = FakeDevice()
    guard = MemoryGuard(machine=FakeMachine(16 * GB), device=device)
    guard.apply_limits()
    assert device.limits == {"memory": int(12.8 * GB), "cache": GB, "wired": None}
    assert guard.figures()["memory_limit"] == int(12.8 * GB)


def test_limits_on_metal_leave_its_own_and_wire_the_working_set() -> None:
    device = FakeDevice(DeviceMemory("metal", working_set=12 * GB))
    guard = MemoryGuard(machine=FakeMachine(128 * GB), device=device)
    guard.apply_limits()
    assert device.limits == {"memory": None, "cache": 2 * GB, "wired": 12 * GB}
    assert "memory_limit" not in guard.figures()


def test_limits_on_a_machine_that_tells_nothing() -> None:
    device = FakeDevice()
    MemoryGuard(machine=FakeMachine(None, None), device=device).apply_limits()
    assert device.limits == {"memory": None, "cache": 256 * 2**20, "wired": None}


def test_signals_are_read_once_a_second() -> None:
    machine = FakeMachine()
    guard = make(machine)
    for step in range(100):
        guard.look(step * 0.05)
    assert machine.asked == 5


def test_the_level_follows_the_signals_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    machine = FakeMachine()
    guard = make(machine)
    caplog.set_level(logging.INFO)
    assert guard.look(0) is Pressure.NORMAL
    machine.level = 4
    assert guard.look(1) is Pressure.CRITICAL
    assert guard.figures()["pressure"] == 3
    machine.level, machine.stalls = 1, Stall(0, 0)
    assert guard.look(2) is Pressure.CRITICAL
    assert guard.look(2 + CALM) is Pressure.NORMAL
    assert [record.message for record in caplog.records] == [
        "memory pressure is critical",
        "memory pressure is normal",
    ]


def test_nothing_is_loaded_while_memory_is_critical(folder: Path) -> None:
    machine = FakeMachine(64 * GB, 64 * GB)
    guard = make(machine)
    machine.level = 4
    guard.look(0)
    assert "critically short at the moment" in refusal(guard, folder).message
    machine.level = 1
    guard.look(1)
    guard.look(1 + CALM)
    guard.check_load(folder)


def test_a_refusal_is_not_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    # The scheduler asks again every second until there is room.
    refusal(make(FakeMachine(8 * GB, 8 * GB)), folder)
    assert not caplog.records


def test_how_full_memory_is_does_not_matter() -> None:
    guard = make(FakeMachine(16 * GB, 1))
    assert guard.look(0) is Pressure.NORMAL


@pytest.mark.parametrize(
    ("pressure", "alone", "beside"),
    [
        (Pressure.NORMAL, True, True),
        (Pressure.WARN, True, True),
        (Pressure.FULL, True, False),
        (Pressure.CRITICAL, False, False),
    ],
)
def test_who_is_let_in(pressure: Pressure, alone: bool, beside: bool) -> None:
    guard = make(FakeMachine())
    assert (guard.may_admit(0, pressure), guard.may_admit(1, pressure)) == (alone, beside)


@pytest.mark.parametrize(
    ("pressure", "just_used", "after_a_minute"),
    [
        (Pressure.NORMAL, False, False),
        (Pressure.WARN, False, False),
        (Pressure.FULL, False, True),
        (Pressure.CRITICAL, True, True),
    ],
)
def test_when_an_idle_model_goes(pressure: Pressure, just_used: bool, after_a_minute: bool) -> None:
    guard = make(FakeMachine())
    found = guard.may_unload(59.9, pressure), guard.may_unload(60, pressure)
    assert found == (just_used, after_a_minute)


def test_figures_leave_out_what_is_not_known() -> None:
    assert make(FakeMachine(16, None)).figures() == {
        "total": 16,
        "active": 1,
        "peak": 2,
        "cache": 3,
        "pressure": 0,
    }


def test_release_is_the_devices() -> None:
    device = FakeDevice()
    MemoryGuard(machine=FakeMachine(), device=device).release()
    assert device.released == 1
