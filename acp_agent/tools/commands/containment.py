"""Choosing what the operating system keeps commands from.

Owns the choice, made by trying: a mechanism that does not run here is not used. Does not
own the mechanisms (``sandbox``), nor whether commands may run
(``acp_agent.permissions``).
"""

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from acp_agent.tools.commands.sandbox.places import SHELL
from acp_agent.tools.workspace import Containment

_log = logging.getLogger(__name__)

_TRIAL_SECONDS = 10


class Uncontained:
    """Commands as they are. Implements ``workspace.Containment``."""

    @property
    def summary(self) -> str:
        """As ``Containment.summary``."""
        return ""

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        """As ``Containment.wrap``."""
        del writable
        if sys.platform == "win32":
            return ["powershell", "-NoProfile", "-NonInteractive", "-Command", shell_text]
        return [SHELL, "-c", shell_text]


def find_containment(network: bool, private: Sequence[Path] = ()) -> Containment:
    """The first mechanism that works here, or none.

    It runs a program to find out, which takes some 10 to 50 ms: for a worker thread, once.

    Args:
        network: whether commands may use the network.
        private: folders and files that commands cannot read, where the mechanism can do that.
    """
    for candidate in find_mechanisms(network, private):
        if works(candidate):
            return candidate
    return Uncontained()


def find_mechanisms(network: bool, private: Sequence[Path] = ()) -> Iterator[Containment]:
    """What this system may have, best first."""
    if sys.platform == "darwin":
        from acp_agent.tools.commands.sandbox.seatbelt import PROGRAM, Seatbelt

        if Path(PROGRAM).is_file():
            for is_strict in (True, False):
                yield Seatbelt(network=network, private=private, is_strict=is_strict)
    if sys.platform == "linux":
        from acp_agent.tools.commands.sandbox.bubblewrap import Bubblewrap
        from acp_agent.tools.commands.sandbox.landlock import find_landlock

        if program := shutil.which("bwrap"):
            yield Bubblewrap(program, network=network, private=private)
        if landlock := find_landlock(network=network, private=private):
            yield landlock


def works(containment: Containment) -> bool:
    """Whether a command runs in ``containment``."""
    with tempfile.TemporaryDirectory() as folder:
        argv = containment.wrap('printf "%s" done', [Path(folder).resolve()])
        try:
            ended = subprocess.run(
                argv, cwd=folder, capture_output=True, timeout=_TRIAL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _log.info("no containment by %s: %s", argv[0], error)
            return False
    if ended.returncode != 0 or ended.stdout != b"done":
        said = ended.stderr.decode("utf-8", "replace").strip()[:300]
        _log.info("no containment (%s): %s", containment.summary, said)
        return False
    return True
