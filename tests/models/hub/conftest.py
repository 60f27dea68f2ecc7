"""A models folder beside a hub, empty or with the model installed. Owns these fixtures only."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.fixtures.hub_files import make_files
from tests.fixtures.hub_install import HubPlace
from tests.fixtures.hub_server import running_hub, use_hub


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubPlace]:
    with running_hub(make_files()) as hub:
        use_hub(hub, monkeypatch)
        yield HubPlace(tmp_path / "models", hub)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the model installed, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "models"
    with running_hub(make_files()) as hub, pytest.MonkeyPatch.context() as monkeypatch:
        use_hub(hub, monkeypatch)
        anyio.run(HubPlace(folder, hub).install_accepted)
    return folder


@pytest.fixture
def installed(place: HubPlace, made: Path) -> HubPlace:
    """A place where the model is installed already."""
    shutil.copytree(made, place.folder)
    return place
