"""Paths inside the user's project.

Owns which paths a tool may touch: those below the session's folder, links followed. Does
not own what is done with them.
"""

from pathlib import Path


class OutsideProject(Exception):
    """A path that is not in the project; its text is for the model."""


def find_path(root: Path, path: str) -> Path:
    """``path`` (relative to ``root``, or absolute) with all links followed.

    Raises:
        OutsideProject: it leads out of ``root``, or is no path.
    """
    try:
        found = (root / path).resolve()
        inside = found.is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        inside = False
        found = root
    if not inside:
        raise OutsideProject(f"{path!r} is outside the project folder; only files in it are open.")
    return found


def relative(root: Path, path: Path) -> str:
    """``path`` as the model knows it: relative to ``root``, with slashes."""
    return path.relative_to(root.resolve()).as_posix()
