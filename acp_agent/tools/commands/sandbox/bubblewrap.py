"""Containment by bubblewrap: a view of the file system of the command's own.

Owns the arguments of ``bwrap``. Does not own which places are open (``places``).
Source: bwrap(1), https://github.com/containers/bubblewrap
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from acp_agent.tools.commands.sandbox.places import (
    SHELL,
    doors,
    git_folders,
    graphics_devices,
    protected_paths,
    temporary_folders,
)

_KEPT_OF_ROOT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
"""Capabilities with which root works on files; with others it could mount its way out."""

_PARENT = '"$@"; exit $?'
"""bwrap ends when the thread that started it does, and an editor's thread may end at any
time; so a shell starts it, which ends with the command only."""


class Bubblewrap:
    """Commands in namespaces of their own. Implements ``workspace.Containment``."""

    def __init__(self, program: str, *, network: bool, private: Sequence[Path] = ()) -> None:
        self._program = program
        self._network = network
        self._private = tuple(private)

    @property
    def summary(self) -> str:
        """As ``Containment.summary``."""
        network = "with network" if self._network else "no network"
        return f"bubblewrap: writes only in the project and temporary folders, {network}"

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        """As ``Containment.wrap``."""
        shell = [SHELL, "-c", shell_text]
        return [SHELL, "-c", _PARENT, "acp-agent", *self._arguments(writable), "--", *shell]

    def _arguments(self, writable: Sequence[Path]) -> Iterator[str]:
        yield from (self._program, "--die-with-parent", "--unshare-pid", "--unshare-ipc")
        if not self._network:
            yield "--unshare-net"
        yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
        yield from ("--cap-drop", "ALL")
        if os.geteuid() == 0:
            for each in _KEPT_OF_ROOT:
                yield from ("--cap-add", f"CAP_{each}")
            for path in ("/proc/sys", "/proc/sysrq-trigger"):  # root's own, in any namespace
                yield from ("--ro-bind-try", path, path)
        for device in map(str, graphics_devices()):  # bubblewrap's own /dev has none
            yield from ("--dev-bind-try", device, device)
        # Later mounts cover earlier ones, so what is further down comes later.
        for _, mount in sorted(self._mounts(writable), key=lambda each: each[0].count("/")):
            yield from mount

    def _mounts(self, writable: Sequence[Path]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each place with the arguments that say how it is seen."""
        # A repository is mounted so that it cannot be renamed out of the way.
        open_places = (*temporary_folders(), *writable, *git_folders(writable))
        for path in dict.fromkeys(map(str, open_places)):
            if os.path.isdir(path) and path != "/dev/shm":  # /dev has one of its own
                yield path, ("--bind", path, path)
        for path in map(str, protected_paths(writable)):
            yield path, ("--ro-bind", path, path)
        for git in git_folders(writable):
            if not os.path.lexists(git / "hooks") and os.access(git, os.W_OK):
                yield str(git / "hooks"), _closed(str(git / "hooks"))
        for path in map(str, doors()):
            yield path, ("--tmpfs", path) if os.path.isdir(path) else _emptied(path)
        for path in map(str, self._private):
            if os.path.isdir(path):  # read-only, or what is written there would be lost unseen
                yield path, _closed(path)
            elif os.path.exists(path):
                yield path, _emptied(path)


def _closed(path: str) -> tuple[str, ...]:
    return ("--tmpfs", path, "--remount-ro", path)


def _emptied(path: str) -> tuple[str, ...]:
    return ("--ro-bind", "/dev/null", path)
