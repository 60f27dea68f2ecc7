"""Containers for tests: each mechanism that this system has, and what lies around a project."""

import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acp_agent.tools.commands.containment import find_mechanisms, works
from acp_agent.tools.commands.sandbox.places import is_below, temporary_folders
from acp_agent.tools.workspace import Containment

NAMES = ("Seatbelt", "Bubblewrap", "Landlock")
PLACES = (Path(__file__).parents[4] / ".cache", Path.home())
"""Where a folder may be made that is in no temporary one, as a project is not."""


def mechanism(name: str, *, network: bool = False, private: tuple[Path, ...] = ()) -> Containment:
    """The mechanism of this name, or the test is skipped."""
    for each in find_mechanisms(network, private):
        if type(each).__name__ == name and works(each):
            return each
    pytest.skip(f"no {name} here")


def run(
    containment: Containment, command: str, project: Path, *more: Path
) -> subprocess.CompletedProcess[str]:
    argv = containment.wrap(command, [project, *more])
    assert argv[-3:] == ["/bin/sh", "-c", command]
    return subprocess.run(
        argv, cwd=project, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


@contextmanager
def project_and_beside() -> Generator[Path]:
    """A folder outside the temporary ones, with a project and what lies beside it."""
    PLACES[0].mkdir(exist_ok=True)
    places = [place for place in PLACES if not is_below(place, temporary_folders())]
    if not places:
        pytest.skip("there are only temporary folders")
    with tempfile.TemporaryDirectory(dir=places[0], prefix=".contained-") as made:
        found = Path(made).resolve()
        (found / "project").mkdir()
        (found / "beside").mkdir()
        (found / "beside" / "file").write_text("old")
        yield found
