"""Containment by Seatbelt, macOS's sandbox.

Owns the profile that ``sandbox-exec`` is given. Does not own which places are open
(``places``). Paths are handed over as parameters: none is ever part of the profile's text.
Source: sandbox-exec(1) and the profiles in /usr/share/sandbox
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from acp_agent.tools.commands.sandbox.places import (
    DEVICES,
    GIT_INTERNALS,
    SHELL,
    START_UP_FILES,
    git_files,
    home_folder,
    is_below,
    temporary_folders,
)

PROGRAM = "/usr/bin/sandbox-exec"


class Seatbelt:
    """Commands under a profile. Implements ``workspace.Containment``.

    ``is_strict`` also forbids having other programs do things; a macOS that does not know
    these operations refuses the whole profile.
    """

    def __init__(
        self,
        program: str = PROGRAM,
        *,
        network: bool,
        private: Sequence[Path] = (),
        is_strict: bool = True,
    ) -> None:
        self._is_strict = is_strict
        self._program = program
        self._network = network
        self._private = tuple(private)

    @property
    def summary(self) -> str:
        """As ``Containment.summary``."""
        network = "with network" if self._network else "no network"
        return f"Seatbelt: writes only in the project and temporary folders, {network}"

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        """As ``Containment.wrap``."""
        named = _Named()
        profile = "\n".join(self._rules(writable, named))
        return [self._program, "-p", profile, *named.arguments(), SHELL, "-c", shell_text]

    def _rules(self, writable: Sequence[Path], named: "_Named") -> Iterator[str]:
        yield "(version 1)(allow default)"
        if self._is_strict:
            yield "(deny appleevent-send)(deny job-creation)(deny lsopen)"
        yield "(deny file-write*)"
        yield f"(allow file-write* {named.subpaths([*_temporary(), *writable])})"
        yield f"(allow file-write* {named.subpaths(_devices())})"
        if protected := tuple(_protected(writable)):
            yield f"(deny file-write* {named.subpaths(protected)})"
        # What holds them must not be renamed out of the way.
        if folders := [folder / ".git" for folder in writable]:
            yield f"(deny file-write-unlink {named.literals([*folders, *writable])})"
        if self._private:
            yield f"(deny file-read* file-write* {named.subpaths(self._private)})"
        if not self._network:
            yield "(deny network*)"


class _Named:
    """Paths as parameters of a profile."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def subpaths(self, paths: Iterable[Path]) -> str:
        return " ".join(f"(subpath {self._name(path)})" for path in paths)

    def literals(self, paths: Iterable[Path]) -> str:
        return " ".join(f"(literal {self._name(path)})" for path in paths)

    def arguments(self) -> Iterator[str]:
        for number, path in enumerate(self._paths):
            yield from ("-D", f"P{number}={path}")

    def _name(self, path: Path) -> str:
        self._paths.append(path)
        return f'(param "P{len(self._paths) - 1}")'


def _temporary() -> Iterator[Path]:
    for folder in temporary_folders():
        yield folder
        if folder.name == "T" and folder.is_relative_to("/private/var/folders"):
            yield folder.with_name("C")  # the compilers' caches


def _devices() -> list[Path]:
    return [Path("/dev", name) for name in DEVICES]


def _protected(writable: Sequence[Path]) -> Iterator[Path]:
    """Unlike mounts, rules also hold for what is not there yet."""
    yield from git_files(writable)
    for folder in writable:
        for name in GIT_INTERNALS:
            yield folder / ".git" / name
    home = home_folder()
    yield from (home / name for name in START_UP_FILES if is_below(home / name, writable))
