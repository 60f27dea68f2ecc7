"""Whether the on-device model can be used: the machine, the package, macOS's own word."""

import sys
import threading
from types import ModuleType
from typing import cast

import anyio
import pytest

from acp_agent.backends.apple import backend as backend_module
from acp_agent.backends.apple import sdk as module
from acp_agent.backends.apple.backend import AppleBackend
from acp_agent.backends.apple.sdk import MODEL_ID, WINDOW, Sdk, find_fault
from tests.backends.apple.harness import backend_on
from tests.fixtures.fake_apple_fm import build_sdk
from tests.fixtures.fake_apple_model import PATIENCE, FakeMac

pytestmark = pytest.mark.anyio

MAC = ("darwin", "arm64", "26.4")


async def reason_on(machine: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the real way to the SDK ends on ``machine``; empty where it does not."""
    monkeypatch.setattr(module, "this_machine", lambda: machine)
    readiness = await AppleBackend().probe()
    assert readiness.ready != bool(readiness.reason)
    return readiness.reason


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (("linux", "x86_64", ""), "on macOS only"),
        (("win32", "AMD64", ""), "on macOS only"),
        (("darwin", "x86_64", "26.0"), "Apple silicon"),
        (("darwin", "arm64", "15.6.1"), "this Mac has 15.6.1"),
    ],
)
async def test_other_machines_never_import_the_sdk(
    machine: tuple[str, str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apple_fm_sdk", build_sdk(FakeMac()))
    assert sentence in await reason_on(machine, monkeypatch)


@pytest.mark.parametrize("version", ["26.0", "27.1", ""])
def test_new_macs_have_no_fault(version: str) -> None:
    assert find_fault("darwin", "arm64", version) is None


async def test_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", find_nothing)
    assert "acp-agent[apple]" in await reason_on(MAC, monkeypatch)


async def test_package_without_its_library_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    folder.joinpath("apple_fm_sdk.py").write_text("raise ImportError('no C bindings in /private')")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    reason = await reason_on(MAC, monkeypatch)
    assert "cannot be loaded" in reason
    assert "/private" not in reason


async def test_sdk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apple_fm_sdk", build_sdk(FakeMac()))
    assert await reason_on(MAC, monkeypatch) == ""


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("APPLE_INTELLIGENCE_NOT_ENABLED", "Turn it on in System Settings"),
        ("DEVICE_NOT_ELIGIBLE", "cannot run Apple Intelligence"),
        ("MODEL_NOT_READY", "still downloading"),
        ("UNKNOWN", "not why"),
    ],
)
async def test_unavailable_model_is_explained(reason: str, sentence: str) -> None:
    readiness = await backend_on(FakeMac(unavailable=reason)).probe()
    assert not readiness.ready
    assert sentence in readiness.reason
    assert not readiness.models


@pytest.mark.parametrize(
    ("told", "window"), [(4096, 4096), (8192, 8192), (None, WINDOW), (0, WINDOW)]
)
async def test_window_is_read_from_the_sdk(told: int | None, window: int) -> None:
    readiness = await backend_on(FakeMac(context_size=told)).probe()
    assert readiness.ready
    assert readiness.default_model == MODEL_ID
    (model,) = readiness.models
    assert (model.id, model.context_size, model.tools) == (MODEL_ID, window, "none")


async def test_sdk_is_loaded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def load() -> Sdk:
        threads.append(threading.current_thread())
        return cast("Sdk", build_sdk(FakeMac()))

    backend = AppleBackend(load)
    assert not threads
    assert (await backend.probe()).ready
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon


async def test_import_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor begun again until it has ended."""
    monkeypatch.setattr(backend_module, "PROBE_LIMIT", 0.02)
    gate, starts = threading.Event(), list[int]()

    def load() -> Sdk:
        starts.append(1)
        gate.wait(PATIENCE)
        return cast("Sdk", build_sdk(FakeMac()))

    backend = AppleBackend(load)
    with anyio.fail_after(PATIENCE / 2):
        for _ in range(3):
            readiness = await backend.probe()
            assert not readiness.ready
            assert "Try again in a moment" in readiness.reason
    assert starts == [1]
    gate.set()


async def test_sdk_that_breaks_is_a_reason() -> None:
    def load() -> Sdk:
        return cast("Sdk", ModuleType("apple_fm_sdk"))

    readiness = await AppleBackend(load).probe()
    assert not readiness.ready
    assert "failed" in readiness.reason
