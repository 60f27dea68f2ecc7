"""What the end-to-end tests share: the editors, and an engine with the built-in model.

Owns starting and ending the shared engine. Every agent gets a home below the run's
folder; those of one home share an engine.
"""

import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import psutil
import pytest
from anyio.from_thread import start_blocking_portal

from acp_agent.engine.launch import explain_unsupported
from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Spawn
from tests.e2e.engine_probe import EngineProbe
from tests.e2e.python_client import python_editor
from tests.e2e.raw_client import raw_client
from tests.e2e.typescript_client import typescript_editor
from tests.fixtures.builtin_model import link_builtin_model
from tests.fixtures.tiny_gptoss import tiny_gptoss, tiny_gptoss_float32

__all__ = ["tiny_gptoss", "tiny_gptoss_float32"]

START_SECONDS = 120.0


@pytest.fixture(params=[python_editor, typescript_editor], ids=["python", "typescript"])
def spawn(request: pytest.FixtureRequest) -> Spawn:
    """Starts an editor on each of the official SDKs in turn."""
    return request.param


@pytest.fixture(scope="session")
def model_home(run_folder: Path) -> Iterator[Path]:
    """A home with the built-in model, and its engine running with the model loaded."""
    if reason := explain_unsupported():
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(dir=run_folder))
    link_builtin_model(home)
    with start_blocking_portal() as portal:
        pid = portal.call(_load_model, home)
    yield home
    engine = psutil.Process(pid)
    engine.send_signal(signal.SIGTERM)
    engine.wait(START_SECONDS)
    assert_no_traceback(home)


@pytest.fixture(autouse=True)
def no_traceback(isolated_home: Path) -> Iterator[None]:
    """Fails a test whose agent or engine met an error that nobody had foreseen."""
    yield
    assert_no_traceback(isolated_home)


@pytest.fixture
def own_model_home(isolated_home: Path) -> Path:
    """The test's own home with the built-in model in it and no engine running."""
    if reason := explain_unsupported():
        pytest.skip(reason)
    link_builtin_model(isolated_home)
    return isolated_home


@pytest.fixture
def posix() -> None:
    """Skips the test where there are no POSIX pipes."""
    if sys.platform == "win32":
        pytest.skip("the raw client is written for POSIX pipes")


def assert_no_traceback(home: Path) -> None:
    """Fails if a log file of an agent or engine below ``home`` holds a traceback."""
    for log in home.glob("state/*.log*"):
        text = log.read_text(encoding="utf-8")
        assert "Traceback" not in text, text


async def _load_model(home: Path) -> int:
    # Small steps, because a machine without a GPU reads twenty tokens a second.
    environ = agent_environ(home, ACP_AGENT_ENGINE_PREFILL_STEP="16")
    with anyio.fail_after(START_SECONDS):
        async with raw_client(environ) as client:
            session = await client.open_session("mlx")
            await client.prompt(session, "Hi")
        return await EngineProbe(home).pid()
