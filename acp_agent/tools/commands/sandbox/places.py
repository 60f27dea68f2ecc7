"""The places that every mechanism treats alike.

Owns which folders are temporary, what stays unwritable inside a session's folders, and
which sockets lead out of a container. Does not own how a mechanism enforces it.
"""

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

SHELL = "/bin/sh"

DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "fd", "stdout",
           "stderr", "dtracehelper")  # fmt: skip
"""Below ``/dev``, what anybody may write to."""

GRAPHICS = ("dri", "kfd", "nvidia*")
"""Below ``/dev``, patterns of what programs compute with on Linux."""

GIT_INTERNALS = ("hooks", "config", "config.worktree", "commondir")
"""Of a repository, what makes git run programs: a later ``git status`` of the user's or
the editor's would run them outside. The rest must stay writable, or nothing could commit."""

START_UP_FILES = (
    ".bash_aliases", ".bash_login", ".bash_logout", ".bash_profile", ".bashrc", ".cshrc",
    ".gitconfig", ".inputrc", ".kshrc", ".login", ".mkshrc", ".pam_environment", ".profile",
    ".tcshrc", ".xinitrc", ".xprofile", ".xsessionrc", ".zlogin", ".zlogout", ".zprofile",
    ".zshenv", ".zshrc", ".config/fish", ".config/git", ".config/environment.d",
    ".config/autostart", ".config/systemd", ".ssh", ".gnupg", "Library/LaunchAgents",
)  # fmt: skip
"""What runs by itself when the user logs in or opens a shell, relative to the home folder."""

_DOORS = (
    "/run/docker.sock",
    "/run/podman",
    "/run/containerd",
    "/run/dbus",
    "/run/systemd/private",
    "/run/screen",
    "/run/snapd.socket",
    "/run/libvirt",
    "/var/lib/incus/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
    "/run/user/{user}",
    "/tmp/.X11-unix",
    "/tmp/tmux-{user}",
    "/tmp/emacs{user}",
)
"""Sockets by which one can have programs run by others, outside a container."""


def graphics_devices() -> list[Path]:
    """The devices and folders of devices that programs compute with."""
    return [path for name in GRAPHICS for path in sorted(Path("/dev").glob(name))]


def home_folder() -> Path:
    """The user's home, links followed; a folder that is not there where nobody knows one."""
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return Path("/nonexistent")


def temporary_folders() -> tuple[Path, ...]:
    """The folders for temporary files that are there, links followed."""
    wanted = [os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"]
    if sys.platform == "linux":
        wanted.append("/dev/shm")
    found = [Path(path).resolve() for path in wanted if os.path.isabs(path)]
    home = home_folder()
    return _existing(path for path in found if not home.is_relative_to(path))


def protected_paths(writable: Sequence[Path]) -> tuple[Path, ...]:
    """What is there below ``writable`` and must not be written all the same."""
    home = home_folder()
    found = [home / name for name in START_UP_FILES]
    found += git_files(writable)
    for git in git_folders(writable):
        found += [git / name for name in GIT_INTERNALS]
    return _existing(path for path in found if is_below(path, writable))


def git_files(writable: Sequence[Path]) -> tuple[Path, ...]:
    """Of worktrees, the files that say where their repository is."""
    return tuple(folder / ".git" for folder in writable if (folder / ".git").is_file())


def git_folders(writable: Sequence[Path]) -> tuple[Path, ...]:
    """The repositories at the top of ``writable``, and those of their submodules."""
    top = [folder / ".git" for folder in writable]
    found = [folder for folder in top if folder.is_dir() and not folder.is_symlink()]
    for folder in tuple(found):
        found += [file.parent for file in folder.glob("modules/**/config") if file.is_file()]
    return tuple(found)


def doors() -> tuple[Path, ...]:
    """The sockets, and folders of sockets, that lead out of a container."""
    if sys.platform == "win32":
        return ()
    wanted = [Path(path.format(user=os.getuid())) for path in _DOORS]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and not home_folder().is_relative_to(runtime):
        wanted.append(Path(runtime))
    return _existing([*wanted, *_named_sockets()])


def _named_sockets() -> Iterator[Path]:
    """The sockets that the environment names: of agents, editors, terminals, D-Bus."""
    for value in os.environ.values():
        for piece in re.split("[=:,]", value):
            path = re.sub("^/+", "/", piece)
            with suppress(OSError, ValueError):
                if os.path.isabs(path) and stat.S_ISSOCK(os.stat(path).st_mode):
                    yield Path(path).resolve()


def is_below(path: Path, folders: Iterable[Path]) -> bool:
    """Whether ``path`` is one of ``folders`` or lies in one."""
    return any(path.is_relative_to(folder) for folder in folders)


def _existing(paths: Iterable[Path]) -> tuple[Path, ...]:
    def existing() -> Iterator[Path]:
        for path in paths:
            if path.exists() and not path.is_symlink():
                yield path

    return tuple(dict.fromkeys(existing()))
