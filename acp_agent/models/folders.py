"""Putting model folders in and out of sight, and keeping two processes apart.

Owns the renames that make a model visible or gone in one step, the lock of a model's
installation, and clearing away what killed processes left. Does not own what is in the
folders.
"""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


def show(made: Path, target: Path) -> None:
    """Puts the finished folder ``made`` in the place of whatever is at ``target``.

    Raises:
        OSError: it cannot be renamed.
    """
    if target.exists() or target.is_symlink():
        discard(target)
    made.rename(target)


def discard(folder: Path) -> None:
    """Takes ``folder`` out of sight by a rename, then deletes it; a link only itself.

    Raises:
        OSError: it cannot be renamed. Files left after that are cleared away by the
            next installation of the same model.
    """
    hidden = folder.with_name(f".{folder.name}.removed-{secrets.token_hex(4)}")
    folder.rename(hidden)
    if hidden.is_symlink():
        hidden.unlink()
    else:
        shutil.rmtree(hidden, ignore_errors=True)


def clear_remains(model_id: str, models: Path) -> None:
    """Deletes what killed installations and removals of a model left, downloads apart."""
    for kind in ("partial", "removed"):
        for path in models.glob(f".{model_id}.{kind}-*"):
            shutil.rmtree(path, ignore_errors=True)


def install_lock(models: Path, model_id: str) -> "BaseFileLock":
    """The lock of a model's installation, in the existing folder ``models``.

    The operating system releases it when its process dies, however it dies.
    """
    from filelock import FileLock

    return FileLock(models / f".{model_id}.lock", thread_local=False)


def run_alone(models: Path, model_id: str, act: Callable[[], None]) -> bool:
    """Runs ``act`` under the lock; False, and nothing is run, where another holds it."""
    from filelock import Timeout

    try:
        with install_lock(models, model_id).acquire(blocking=False):
            act()
    except Timeout:
        return False
    return True
