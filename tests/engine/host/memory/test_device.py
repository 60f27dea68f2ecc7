"""MLX's device: what it is, its figures, and that memory is given back."""

import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from acp_agent.config.machine import Machine
from acp_agent.engine.host.memory.device import DeviceMemory, MlxDevice


def describe(
    monkeypatch: pytest.MonkeyPatch, facts: dict[str, object], *, metal: bool
) -> DeviceMemory:
    monkeypatch.setattr(mx, "default_device", lambda: mx.Device(mx.gpu))
    monkeypatch.setattr(mx.metal, "is_available", lambda: metal)
    monkeypatch.setattr(mx, "device_info", lambda: facts)
    return MlxDevice().read()


def test_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx, "default_device", lambda: mx.Device(mx.cpu))
    assert MlxDevice().read() == DeviceMemory("cpu")


def test_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, object] = {"max_recommended_working_set_size": 12, "memory_size": 16}
    assert describe(monkeypatch, facts, metal=True) == DeviceMemory("metal", working_set=12)


def test_cuda_and_a_device_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    facts: dict[str, object] = {"total_memory": 80, "free_memory": 70, "architecture": "sm_90"}
    assert describe(monkeypatch, facts, metal=False) == DeviceMemory("cuda", total=80, free=70)
    assert describe(monkeypatch, {}, metal=False) == DeviceMemory("cuda")


def test_limits_reach_mlx() -> None:
    before = mx.set_memory_limit(2**33)
    try:
        MlxDevice().limit(memory=2**34, cache=2**28, wired=None)
        assert mx.set_memory_limit(before) == 2**34
        assert mx.set_cache_limit(2**29) == 2**28
    finally:
        mx.set_memory_limit(before)
        mx.set_cache_limit(before)


def test_a_wired_limit_that_is_refused_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(limit: int) -> int:
        raise ValueError("larger than the system's")

    before = mx.get_memory_limit()
    monkeypatch.setattr(mx, "set_wired_limit", refuse)
    MlxDevice().limit(memory=None, cache=before, wired=2**60)
    assert mx.get_memory_limit() == before


def test_figures_follow_what_is_in_use() -> None:
    device = MlxDevice()
    before = device.figures()
    array = mx.ones((1024, 1024))
    mx.eval(array)  # pyright: ignore[reportUnknownMemberType]
    after = device.figures()
    assert after["active"] >= before["active"] + 4 * 2**20
    assert after["peak"] >= after["active"]


def test_figures_before_mlx_is_imported() -> None:
    code = (
        "import sys; from acp_agent.engine.host.memory.guard import MemoryGuard;"
        "figures = MemoryGuard().figures(); assert 'mlx.core' not in sys.modules;"
        "assert figures['active'] == figures['peak'] == figures['cache'] == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


UNLOAD = """
import sys
from pathlib import Path
import mlx.core as mx
from acp_agent.config.machine import Machine
from acp_agent.engine.host.memory.device import MlxDevice
machine, device = Machine(), MlxDevice()
mx.eval(mx.zeros(8))
start = machine.resident()
def use():
    arrays = [mx.ones((size,)) + 1 for size in range(10_000, 30_000, 10)]
    mx.eval(arrays)
    # A few stay, so that the heap cannot just shrink from its end.
    return machine.resident(), arrays[::200]
loaded, kept = use()
device.release()
print(start, loaded, machine.resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_memory_goes_back_to_the_system(tmp_path: Path) -> None:
    assert Machine().resident()
    output = subprocess.run(
        [sys.executable, "-c", UNLOAD], check=True, timeout=60, capture_output=True, text=True
    ).stdout
    start, loaded, after = (int(word) for word in output.split())
    assert loaded > start + 120 * 2**20
    assert after < start + 60 * 2**20


def test_release_leaves_the_peak_of_what_still_runs() -> None:
    device = MlxDevice()
    mx.reset_peak_memory()
    mx.eval(mx.ones((1_000_000,)))  # pyright: ignore[reportUnknownMemberType]
    peak = device.figures()["peak"]
    device.release()
    assert device.figures()["peak"] == peak > 3_000_000
