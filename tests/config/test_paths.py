"""Where files live, and how folders are kept private."""

import errno
import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import platformdirs
import pytest

from acp_agent.config import paths as module
from acp_agent.config.paths import (
    SOCKET_PATH_LIMIT,
    check_private_folder,
    find_paths,
    private_folder,
)

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
HOME_VARIABLES = ("ACP_AGENT_HOME", "ACP_AGENT_CONFIG", "XDG_RUNTIME_DIR", "TMPDIR")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours or of XDG's is set."""
    for name in list(os.environ):
        if name in HOME_VARIABLES or name.startswith("XDG_"):
            monkeypatch.delenv(name)


def no_entry(number: int) -> None:
    raise KeyError(number)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_folder_can_hold_everything(run_folder: Path) -> None:
    root = run_folder / "h"
    paths = find_paths({"ACP_AGENT_HOME": str(root)})
    assert paths.config_file == root / "config.toml"
    assert paths.log_file == root / "state" / "acp-agent.log"
    assert paths.engine_log_file == root / "state" / "engine.log"
    assert paths.models == root / "models"
    assert paths.engine_socket == root / "run" / "engine.sock"
    assert not root.exists()


def test_the_configuration_can_be_elsewhere(tmp_path: Path, plain: None) -> None:
    paths = find_paths({"ACP_AGENT_CONFIG": str(tmp_path / "my.toml")})
    assert paths.config_file == tmp_path / "my.toml"
    assert paths.data == platformdirs.user_data_path("acp-agent", appauthor=False)


@pytest.mark.parametrize("name", ["ACP_AGENT_HOME", "ACP_AGENT_CONFIG"])
def test_relative_paths_and_tildes_become_absolute(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for written in ("~/x", "x"):
        found = find_paths({name: written}).config_file
        assert found.is_relative_to(tmp_path / "x")


@POSIX_ONLY
@pytest.mark.usefixtures("plain")
def test_sockets_go_to_the_runtime_folder_when_it_is_there(run_folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fallback = Path(f"/tmp/acp-agent-{os.getuid()}")
        (run_folder / "file").write_text("")
        assert find_paths({"XDG_RUNTIME_DIR": str(run_folder)}).runtime == run_folder / "acp-agent"
        for missing in ("", "relative", str(run_folder / "none"), str(run_folder / "file")):
            assert find_paths({"XDG_RUNTIME_DIR": missing}).runtime == fallback
        assert find_paths({"TMPDIR": str(run_folder)}).runtime == run_folder / fallback.name
        assert find_paths({"TMPDIR": "none"}).runtime == fallback


@POSIX_ONLY
@pytest.mark.usefixtures("plain")
def test_the_runtime_folder_of_another_user_is_not_used(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    runtime = find_paths({"XDG_RUNTIME_DIR": str(run_folder)}).runtime
    assert runtime == Path("/tmp/acp-agent-4242")


@POSIX_ONLY
@pytest.mark.parametrize("length", [10, 60, 90, 200])
def test_socket_paths_stay_short(length: int, run_folder: Path) -> None:
    deep = run_folder / ("ä" * (length // 2))
    deep.mkdir(exist_ok=True)
    settings = [{"ACP_AGENT_HOME": str(deep)}, {"XDG_RUNTIME_DIR": str(deep)}]
    settings += [{**environ, "TMPDIR": str(deep)} for environ in settings]
    for environ in settings:
        paths = find_paths(environ)
        assert len(os.fsencode(paths.engine_socket)) <= SOCKET_PATH_LIMIT
        assert find_paths(environ) == paths
    if length == 200:
        other = find_paths({"ACP_AGENT_HOME": str(deep / "other")})
        assert other.runtime != find_paths({"ACP_AGENT_HOME": str(deep)}).runtime


@POSIX_ONLY
@pytest.mark.usefixtures("plain")
def test_without_a_home_only_the_machines_configuration_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("pwd.getpwuid", no_entry)
    paths = find_paths({})
    own = Path(f"/tmp/acp-agent-{os.getuid()}")
    assert (paths.state, paths.data, paths.runtime) == (own, own, own)
    assert paths.config_file.is_absolute()
    assert not paths.config_file.is_relative_to("/tmp")
    assert find_paths({"ACP_AGENT_CONFIG": "~/c.toml"}).config_file.is_absolute()


@POSIX_ONLY
def test_a_private_folder_and_its_new_parents_are_for_this_user_only(tmp_path: Path) -> None:
    before = mode(tmp_path)
    old = os.umask(0)
    try:
        assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    finally:
        os.umask(old)
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path) == before
    assert private_folder(tmp_path / "a" / "b").is_dir()


@POSIX_ONLY
@pytest.mark.parametrize("open_mode", [0o755, 0o777, 0o770, 0o1777])
def test_an_own_folder_open_to_others_is_closed(tmp_path: Path, open_mode: int) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(open_mode)
    private_folder(folder)
    assert mode(folder) == 0o700


@POSIX_ONLY
def test_an_own_link_to_an_own_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    private_folder(tmp_path / "link")
    assert mode(tmp_path / "there") == 0o700


@POSIX_ONLY
def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    for refuse in (private_folder, check_private_folder):
        with pytest.raises(PermissionError) as refused:
            refuse(tmp_path)
        assert refused.value.errno == errno.EACCES
        assert refused.value.strerror == "the folder belongs to another user"


@POSIX_ONLY
@pytest.mark.parametrize("foreign", ["link", "there"])
def test_a_link_is_refused_where_it_or_its_end_is_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: str
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    number = (tmp_path / foreign).lstat().st_ino

    def is_own(found: os.stat_result) -> bool:
        return found.st_ino != number

    monkeypatch.setattr(module, "_is_own", is_own)
    with pytest.raises(PermissionError, match="belongs to another user"):
        private_folder(tmp_path / "link")


@POSIX_ONLY
def test_a_folder_that_cannot_be_closed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stay(path: Path, mode: int) -> None:
        pass

    tmp_path.chmod(0o777)
    monkeypatch.setattr(Path, "chmod", stay)
    with pytest.raises(PermissionError, match="is open to other users"):
        private_folder(tmp_path)


@POSIX_ONLY
@pytest.mark.parametrize("open_mode", [0o755, 0o711, 0o770, 0o1777])
def test_a_folder_of_the_users_choice_is_refused_and_not_changed(
    tmp_path: Path, open_mode: int
) -> None:
    tmp_path.chmod(open_mode)
    with pytest.raises(PermissionError) as refused:
        check_private_folder(tmp_path)
    assert refused.value.strerror == "the folder is open to other users"
    assert mode(tmp_path) == open_mode
    tmp_path.chmod(0o700)
    check_private_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        check_private_folder(tmp_path / "none")
    (tmp_path / "file").touch(0o600)
    with pytest.raises(NotADirectoryError):
        check_private_folder(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_in_place_of_the_folder_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            private_folder(path)


def test_what_is_not_needed_is_not_imported() -> None:
    code = (
        "import sys; from acp_agent.config.paths import find_paths; find_paths();"
        "from acp_agent.config.load import load_settings; load_settings(find_paths());"
        "late = {'platformdirs', 'tomllib', 'difflib'};"
        "sys.exit(', '.join(late & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
