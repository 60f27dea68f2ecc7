"""What every test gets: a home folder of its own, and a guard against processes left behind.

Owns isolation only. Servers, models and clients for tests stand in ``tests/fixtures``.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.register_assert_rewrite("tests.fixtures", "tests.backends.contract")

RUN_VARIABLE = "PYTEST_RUN_FOLDER"
"""Names the run's folder to every process that a test starts with our environment."""
SETTING_PREFIXES = ("ACP_AGENT_", "OLLAMA_", "OPENAI_", "OPENMYTHOS_")
KEPT_VARIABLES = {"ACP_AGENT_TEST_HOME"}
EXIT_GRACE = 2.0
"""Seconds that a process may take to end after its test."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Runs async tests on asyncio, which is what the agent runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder for the whole run, with a path short enough for sockets below it."""
    parent = "/tmp" if os.path.isdir("/tmp") else None
    folder = Path(tempfile.mkdtemp(prefix="acp-", dir=parent)).resolve()
    os.environ[RUN_VARIABLE] = str(folder)
    yield folder
    del os.environ[RUN_VARIABLE]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def isolated_home(monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> Path:
    """Gives the test an empty ``ACP_AGENT_HOME`` and none of the user's settings."""
    for name in list(os.environ):
        if name.startswith(SETTING_PREFIXES) and name not in KEPT_VARIABLES:
            monkeypatch.delenv(name)
    home = Path(tempfile.mkdtemp(dir=run_folder))
    monkeypatch.setenv("ACP_AGENT_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # What runs on this machine's customary ports is none of a test's business.
    monkeypatch.setenv("ACP_AGENT_OPENAI_DISCOVER", "false")
    return home


@pytest.fixture(autouse=True)
def no_process_left(isolated_home: Path, run_folder: Path) -> Iterator[None]:
    """Fails a test after which a process that it started still runs, and ends that process."""
    before = set(psutil.pids())
    yield
    started = _started_by_run(set(psutil.pids()) - before, run_folder)
    _, left = psutil.wait_procs(started, timeout=EXIT_GRACE)
    lines = [_describe(process) for process in left]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=EXIT_GRACE)
    if lines:
        pytest.fail("still running after the test: " + "; ".join(lines), pytrace=False)


def _started_by_run(pids: set[int], run_folder: Path) -> list[psutil.Process]:
    """Those of ``pids`` that live and descend from us or carry the run's folder.

    The second catches daemons, which have left the tree of processes.
    """
    if not pids:
        return []
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    found: list[psutil.Process] = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if pid in children or _names(process, run_folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _names(process: psutil.Process, run_folder: Path) -> bool:
    return any(str(run_folder) in value for value in process.environ().values())


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
