"""Whether a model that is not here yet has room on this machine.

Owns the comparison before a user is asked to install it. Does not own the readings
(``config/machine``), nor the engine's own look before a load (``host/memory``) and the
installation's before its transfer (``acp_agent.models``), which know the files.
"""

import shutil
from pathlib import Path

from acp_agent.config.machine import Machine, explain_unfit, format_memory

_SPARE = 10
"""One part in so many more than its size must be free on the disk."""


def explain_no_memory(minimum: int | None, recommended: int | None) -> str | None:
    """Why this machine is too small for a model that wants ``minimum`` bytes; None if not."""
    unfit = explain_unfit(minimum, recommended, Machine().total())
    return unfit.reason if unfit is not None and unfit.severity == "refuse" else None


def explain_no_space(folder: Path, size: int) -> str | None:
    """Why ``size`` bytes do not go below ``folder``, which need not exist; None if they do."""
    needed = size + size // _SPARE
    place = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        free = shutil.disk_usage(place).free
    except OSError:  # the installation will say so
        return None
    if free >= needed:
        return None
    return (
        f"It needs {format_memory(needed)} of free disk space and {format_memory(free)} are free: "
        "make room, then try again."
    )
