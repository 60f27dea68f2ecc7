"""Containment by Landlock, which every process may put itself under.

Owns how the launcher is called, and saying what it does not keep from. Does not own the
kernel's interface (``landlock_launcher``), nor which places are open (``places``).
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from acp_agent.tools.commands.sandbox.places import (
    DEVICES,
    SHELL,
    graphics_devices,
    temporary_folders,
)

_LAUNCHER = Path(__file__).with_name("landlock_launcher.py")


class Landlock:
    """Commands under Landlock. Implements ``workspace.Containment``.

    ``is_offline`` says whether the kernel can refuse every IP socket, else only TCP.
    """

    def __init__(
        self, *, network: bool, private: Sequence[Path] = (), is_offline: bool = True
    ) -> None:
        self._network = network
        self._private = tuple(private)
        self._is_offline = is_offline

    @property
    def summary(self) -> str:
        """As ``Containment.summary``."""
        off = "no network" if self._is_offline else "no TCP (but UDP)"
        network = "with network" if self._network else off
        return f"Landlock: writes only in the project and temporary folders, {network}"

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        """As ``Containment.wrap``."""
        # -I and -S: neither the environment, the command's folder nor site may add code.
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        return [*launcher, *self._options(writable), "--", SHELL, "-c", shell_text]

    def _options(self, writable: Sequence[Path]) -> Iterator[str]:
        if not self._network:
            yield "--offline"
        for path in dict.fromkeys((*writable, *temporary_folders(), *_devices())):
            yield from ("--write", str(path))
        for path in self._private:
            yield from ("--hide", str(path))


def _devices() -> Iterator[Path]:
    for name in DEVICES:
        path = Path("/dev", name)
        if path.exists() and not path.is_symlink():
            yield path
    yield from graphics_devices()


def find_landlock(*, network: bool, private: Sequence[Path] = ()) -> Landlock | None:
    """Landlock where this kernel's is new enough to keep all writes inside."""
    from acp_agent.tools.commands.sandbox.landlock_launcher import (
        LEAST_ABI,
        find_abi,
        has_filter,
        has_tcp_rules,
    )

    abi = find_abi()
    if abi < LEAST_ABI or not (network or has_filter() or has_tcp_rules(abi)):
        return None
    return Landlock(network=network, private=private, is_offline=has_filter())
