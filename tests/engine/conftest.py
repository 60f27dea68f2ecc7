"""Fixtures of the engine's tests: tiny models, and an engine that is gone afterwards."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.fixtures.engine_process import EngineProcess
from tests.fixtures.tiny_llama import make_tiny_llama


@pytest.fixture(scope="session")
def tiny_models(run_folder: Path) -> Path:
    """A folder with tiny models.

    ``endless`` never stops, ``brief`` ends by itself, ``narrow`` has a window of 64
    tokens, ``random`` says anything, ``half`` has weights in float16.
    """
    folder = run_folder / "tiny"
    make_tiny_llama(folder / "endless")
    make_tiny_llama(folder / "brief", ends=True)
    make_tiny_llama(folder / "narrow", context_size=64)
    make_tiny_llama(folder / "random", sharpness=0.01)
    make_tiny_llama(folder / "half", half=True)
    return folder


@pytest.fixture
async def engine(
    isolated_home: Path, no_process_left: None, tiny_models: Path
) -> AsyncGenerator[EngineProcess, None]:
    """The engine of this test; not started yet."""
    found = EngineProcess(isolated_home)
    found.use_models(tiny_models)
    yield found
    await found.stop()
