"""What an installation is given by its caller, and the disk space that it needs.

Owns these types and the look at the free space. Does not own any step of an installation
(``models/from_wheel``, ``models/from_hub``).
"""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from acp_agent.errors import InstallError
from acp_agent.models.catalogue import format_size

Convert = Callable[[Path, Path], Awaitable[None]]
"""``convert(source file, target folder)``: fills the target, which it creates."""

NOTE: Final = "; "
"""Stands between a stage and what is to be said of it beside how far it is."""

Report = Callable[[str, int | None, int | None], Awaitable[None]]
"""``report(stage, done bytes, total bytes)``; None where it is not known. ``done`` may go
back, when something that had arrived was not right. ``stage`` may end in a note."""


def tell_attempt(stage: str, attempt: int, attempts: int) -> str:
    """``stage`` with the note that attempt ``attempt`` of so many is made."""
    return f"{stage}{NOTE}no answer yet, trying again ({attempt} of {attempts})"


def check_space(name: str, folder: Path, size: int) -> None:
    """Returns where ``size`` more bytes and a tenth of them fit on the disk of ``folder``.

    Raises:
        InstallError: they do not.
        OSError: ``folder`` is not there.
    """
    needed = size + size // 10
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InstallError(
            f"Installing {name} needs {format_size(needed)} of free disk space and "
            f"{format_size(free)} are free: make room, then try again."
        )
