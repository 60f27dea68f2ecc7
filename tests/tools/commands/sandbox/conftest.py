"""What the tests of containment get. Owns no helper (``boxes``)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.commands.sandbox.boxes import NAMES, project_and_beside


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder() -> Iterator[Path]:
    with project_and_beside() as found:
        yield found
