"""What ``.gitignore`` files leave out.

Owns which of these files count for a folder, and in which order. Does not own their syntax
(``globs``). Source: https://git-scm.com/docs/gitignore; the user's own global file is not
read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.tools.files.globs import compile_lines
from acp_agent.tools.files.local_files import read_bytes
from acp_agent.tools.workspace import FileProblem

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_SIZE_LIMIT = 256 * 1024
_NAME = ".gitignore"


@dataclass(slots=True, frozen=True)
class IgnoreRules:
    """The rules that hold in a folder; those of inner folders come later, and win."""

    _specs: "tuple[tuple[Path, GitIgnoreSpec], ...]" = ()

    def entering(self, folder: Path, name: str = _NAME) -> "IgnoreRules":
        """These, and those in ``folder``."""
        lines = _read_lines(folder / name)
        if not lines:
            return self
        return IgnoreRules((*self._specs, (folder, compile_lines(lines))))

    def covers(self, path: Path, *, is_folder: bool) -> bool:
        """Whether ``path`` is left out; its folder is not."""
        for base, spec in reversed(self._specs):
            name = path.relative_to(base).as_posix() + ("/" if is_folder else "")
            ignored = spec.check_file(name).include
            if ignored is not None:
                return ignored
        return False


def find_top(folder: Path, roots: Sequence[Path]) -> Path:
    """The folder whose ``.gitignore`` is the first that counts for ``folder``.

    It is the repository's, or else the session's; ``folder`` itself where it is in neither.
    """
    for each in (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    homes = [root for root in roots if folder.is_relative_to(root)]
    return min(homes, key=lambda root: len(root.parts), default=folder)


def find_rules(folder: Path, roots: Sequence[Path]) -> IgnoreRules:
    """The rules of the folders above ``folder``.

    None of them count where they leave out ``folder`` itself: it was asked for.
    """
    top = find_top(folder, roots)
    if top == folder:
        return _of_repository(top)
    rules = _of_repository(top)
    for each in _between(top, folder):
        rules = rules.entering(each)
        if rules.covers(each.joinpath(folder.relative_to(each).parts[0]), is_folder=True):
            return IgnoreRules()
    return rules


def _of_repository(top: Path) -> IgnoreRules:
    """What ``.git/info/exclude`` says, as if it stood in ``top``."""
    lines = _read_lines(top / ".git" / "info" / "exclude")
    return IgnoreRules(((top, compile_lines(lines)),)) if lines else IgnoreRules()


def _between(top: Path, folder: Path) -> Iterator[Path]:
    """``top`` and the folders on the way to ``folder``, without it."""
    above = [each for each in folder.parents if each.is_relative_to(top)]
    yield from reversed(above)


def _read_lines(path: Path) -> list[str]:
    try:
        return read_bytes(path, _SIZE_LIMIT).decode("utf-8", "replace").splitlines()
    except (OSError, FileProblem):
        return []
