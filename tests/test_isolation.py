"""The isolation of ``conftest.py`` holds: own home, and no process left behind unseen."""

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from acp_agent.config.paths import find_paths

ROOT = Path(__file__).resolve().parent.parent
INNER = """
import subprocess

def test_child():
    subprocess.Popen(["sleep", "600"])

def test_daemon():
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["sh", "-c", "sleep 600 &"], start_new_session=True, check=True, **quiet)

def test_tidy():
    child = subprocess.Popen(["sleep", "600"])
    child.kill()
    child.wait()
"""


def run_pytest(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs ``source`` as a test file under our conftest, in an interpreter of its own."""
    path = folder / "test_inner.py"
    path.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir", str(ROOT)]
    options = ["-p", "tests.conftest", "-o", f"cache_dir={folder}", "-W", "ignore::ResourceWarning"]
    return subprocess.run(
        [*command, *options, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=100
    )


def runs(pid: int) -> bool:
    """Whether the process ``pid`` lives."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="the inner tests use sh and sleep")
def test_a_process_left_behind_fails_its_test_and_is_ended(tmp_path: Path) -> None:
    result = run_pytest(INNER, tmp_path)
    found = re.findall(r"still running after the test: (\d+) sleep 600\n", result.stdout)
    failed = set(re.findall(r"^ERROR \S*::(\w+)", result.stdout, re.MULTILINE))
    assert failed == {"test_child", "test_daemon"}, result.stdout + result.stderr
    assert len(set(found)) == 2
    assert not [pid for pid in found if runs(int(pid))]


def test_the_users_settings_are_out_of_sight(isolated_home: Path) -> None:
    assert find_paths().config_file.is_relative_to(isolated_home)
    assert len(str(find_paths().engine_socket)) < 60
