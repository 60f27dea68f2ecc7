"""What each mechanism keeps commands from beside writing: network, secrets, git's internals."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acp_agent.tools.commands.sandbox.landlock_launcher import find_abi
from tests.tools.commands.sandbox.boxes import mechanism, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no mechanism here")


@contextmanager
def listening() -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('connected')"
DATAGRAM = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b'out', ('127.0.0.1', {port}))
"""


def python(code: str) -> str:
    assert "'" not in code or '"' not in code
    quoted = code.replace("'", "'\\''")
    return f"{sys.executable} -I -c '{quoted}'"


@pytest.mark.parametrize("network", [False, True])
def test_network_is_off_unless_allowed(name: str, folder: Path, network: bool) -> None:
    contained = mechanism(name, network=network)
    assert ("with network" in contained.summary) is network
    with listening() as port:
        done = run(contained, python(CONNECT.format(port=port)), folder / "project")
    assert (done.stdout == "connected\n") is network
    assert (done.returncode == 0) is network


def test_datagrams_do_not_get_out(name: str, folder: Path) -> None:
    contained = mechanism(name)
    if "UDP" in contained.summary:
        pytest.skip("it says that it cannot")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        run(contained, python(DATAGRAM.format(port=receiver.getsockname()[1])), folder / "project")
        with pytest.raises(BlockingIOError):
            receiver.recv(10)


def test_sockets_between_own_processes_work(name: str, folder: Path) -> None:
    contained = mechanism(name)
    code = "import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))"
    assert run(contained, python(code), folder / "project").stdout == "b'x'\n"


def test_private_folders_are_closed(name: str, folder: Path) -> None:
    secret = folder / "state"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (folder / "config.toml").write_text("secret")
    contained = mechanism(name, private=(secret, folder / "config.toml", folder / "nonesuch"))
    command = f"cat {secret}/key; cat {folder}/config.toml; cat /proc/self/root{secret}/key"
    done = run(contained, command, folder / "project")
    assert "secret" not in done.stdout
    run(contained, f"echo new > {secret}/key; echo new > {folder}/config.toml", folder / "project")
    assert (secret / "key").read_text() == (folder / "config.toml").read_text() == "secret"
    assert run(contained, f"cat {folder}/beside/file", folder / "project").stdout == "old"


@pytest.mark.parametrize("name", ["Seatbelt", "Bubblewrap"])
def test_private_folders_are_closed_inside_the_project(name: str, folder: Path) -> None:
    secret = folder / "project" / "state"
    secret.mkdir()
    (secret / "key").write_text("secret")
    contained = mechanism(name, private=(secret,))
    done = run(contained, "cat state/key; echo new > state/key; echo x > other", secret.parent)
    assert "secret" not in done.stdout
    assert (secret / "key").read_text() == "secret"
    assert (secret.parent / "other").is_file()


COMMIT = "git -c user.name=a -c user.email=b commit -q"
HARMLESS = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def make_repository(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True, env=HARMLESS)
    (folder / ".git" / "hooks").mkdir(exist_ok=True)
    (folder / "file").write_text("x")


def test_commits_can_be_made(name: str, folder: Path) -> None:
    contained = mechanism(name)
    make_repository(folder / "project")
    done = run(
        contained,
        f"set -e; git add file; {COMMIT} -m first; git checkout -q -b other; git status -s;"
        f" git stash -q 2>/dev/null; git gc -q; git rev-parse HEAD",
        folder / "project",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == 41


@pytest.mark.parametrize("name", ["Seatbelt", "Bubblewrap"])
@pytest.mark.parametrize(
    "command",
    [
        "echo x > .git/hooks/post-commit",
        "git config core.fsmonitor ./evil",
        "echo x >> .git/config",
        "mv .git .git2",
        "rm -rf .git/hooks",
        "mv .git/hooks .git/hooks2",
        "rm .git/config",
        "ln -f file .git/config",
    ],
)
def test_what_makes_git_run_programs_stays(name: str, folder: Path, command: str) -> None:
    contained = mechanism(name)
    make_repository(folder / "project")
    git = folder / "project" / ".git"
    before = (git / "config").read_bytes(), sorted(path.name for path in (git / "hooks").iterdir())
    assert run(contained, command, folder / "project").returncode != 0
    after = (git / "config").read_bytes(), sorted(path.name for path in (git / "hooks").iterdir())
    assert after == before


@pytest.mark.parametrize("name", ["Seatbelt", "Bubblewrap"])
def test_hooks_do_not_appear(name: str, folder: Path) -> None:
    contained = mechanism(name)
    make_repository(folder / "project")
    hooks = folder / "project" / ".git" / "hooks"
    shutil.rmtree(hooks)
    run(contained, "mkdir .git/hooks; echo x > .git/hooks/post-commit", folder / "project")
    assert not hooks.exists() or not list(hooks.iterdir())


@pytest.mark.parametrize("name", ["Seatbelt", "Bubblewrap"])
@pytest.mark.parametrize("command", ["echo x > .git", "rm .git", "mv x .git"])
def test_where_the_repository_is_stays(name: str, folder: Path, command: str) -> None:
    contained = mechanism(name)
    git = folder / "project" / ".git"
    git.write_text("gitdir: elsewhere")
    (folder / "project" / "x").write_text("gitdir: evil")
    assert run(contained, command, folder / "project").returncode != 0
    assert git.read_text() == "gitdir: elsewhere"


def test_root_has_no_way_around(name: str, folder: Path) -> None:
    contained = mechanism(name)
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root has these rights")
    (folder / "project" / "file").write_text("x")
    done = run(contained, "grep CapEff /proc/self/status; chown 1 file; echo y > file", folder)
    assert int(done.stdout.split()[1], 16) == 0b11111011
    for command in ("mknod disk b 8 0", ": >> /proc/sys/kernel/hostname", "umount /proc"):
        assert run(contained, command, folder / "project").returncode != 0


@pytest.mark.parametrize("name", ["Bubblewrap"])
def test_sockets_that_the_environment_names_are_hidden(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contained = mechanism(name)
    with tempfile.TemporaryDirectory() as made, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{made}/editor")
        monkeypatch.setenv("SOME_EDITOR", f"unix:path={made}/editor,guid=1")
        done = run(contained, f"test -e {made}; test -S {made}/editor", folder / "project")
    assert done.returncode == 1


@pytest.mark.parametrize("name", ["Seatbelt", "Bubblewrap"])
def test_start_up_files_stay(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contained = mechanism(name)
    home = folder / "project"
    monkeypatch.setenv("HOME", str(home))
    (home / ".bashrc").write_text("old")
    assert run(contained, "echo new > .bashrc", home).returncode != 0
    assert (home / ".bashrc").read_text() == "old"
    assert run(contained, "echo new > other", home).returncode == 0


def test_processes_outside_are_out_of_reach(name: str, folder: Path) -> None:
    contained = mechanism(name)
    if name == "Seatbelt" or (name == "Landlock" and find_abi() < 6):
        pytest.skip("it cannot do that")
    with subprocess.Popen(["sleep", "1000"]) as outside:
        try:
            assert run(contained, f"kill {outside.pid}", folder / "project").returncode != 0
            assert outside.poll() is None
        finally:
            outside.kill()
