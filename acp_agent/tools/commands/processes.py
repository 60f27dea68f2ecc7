"""Ending a program together with all that it started.

Owns finding the members of a command's family and ending them. Does not own starting it,
nor its output (``local_commands``). It is also run as a file, by ``lifeline``, so it imports
nothing of the package:

    python -I -S processes.py MARK

with the leader's process id in a line of its input; at the end of that it ends the family.

A member is a process of the command's session, group or tree, or one whose environment
carries the command's mark: a daemon that has left all three still has that. One that also
wipes its environment is found on no system; in a process namespace (bubblewrap) the kernel
ends that as well. macOS shows no environment: there a daemon that has left all is missed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "COMMAND_OF_ACP_AGENT"
"""The environment variable that names the command a process belongs to."""

GRACE = 1.0
"""Seconds between asking a command to end and killing it."""

_UNKNOWN = -1
_ROUNDS = 40
_ROUND_SECONDS = 0.25
_CHECK_EVERY = 0.01


def end_family(leader: int, mark: str, grace: float) -> None:
    """Ends the process ``leader`` and its family; blocks, so it is for a worker thread.

    ``leader`` leads a session of its own. ``mark`` is the family's value of ``MARK``.
    ``grace`` are seconds between asking (SIGTERM) and killing; 0 kills at once.
    """
    if sys.platform == "win32":
        kill = ["taskkill", "/T", "/F", "/PID", str(leader)]
        subprocess.run(kill, capture_output=True, check=False)
        return
    family = _Family(leader, mark)
    if grace and (members := family.find()):
        _signal(_asked(members), signal.SIGTERM)
        _wait(members, grace)
    for _ in range(_ROUNDS):
        # Again until none is left: one may start another while it is killed.
        if not (members := family.find()):
            return
        _signal(members, signal.SIGKILL)
        _wait(members, _ROUND_SECONDS)


class _Family:
    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._entry = os.fsencode(f"{MARK}={mark}")

    def find(self) -> set[int]:
        """The living members."""
        processes = dict(_processes())
        members = {pid for pid, of in processes.items() if self._leader in (pid, *of[1:])}
        members |= {pid for pid in processes.keys() - members if _is_marked(pid, self._entry)}
        size = -1
        while len(members) > size:
            size = len(members)
            members |= {pid for pid, of in processes.items() if of[0] in members}
        return members - {os.getpid()}


def _asked(members: set[int]) -> set[int]:
    """Whom to ask to end: only those inside, where a process namespace holds members.

    What holds the namespace takes all with it at once when it ends.
    """
    own = _namespace(os.getpid())
    return {pid for pid in members if _namespace(pid) not in (own, "")} or members


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _wait(pids: set[int], seconds: float) -> None:
    """Until none of them runs, for at most ``seconds``."""
    until = time.monotonic() + seconds
    while any(map(_runs, pids)) and time.monotonic() < until:
        time.sleep(_CHECK_EVERY)


def _runs(pid: int) -> bool:
    if sys.platform == "linux":
        return _read_stat(str(pid)) is not None
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _processes() -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Each running process with its parent, group and session."""
    if sys.platform == "linux":
        for name in filter(str.isdigit, os.listdir("/proc")):
            if (found := _read_stat(name)) is not None:
                yield int(name), found
        return
    # ps has no usable column for the session; a group stands for it.
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,state="]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        pid, parent, group, state = line.split()
        if not state.startswith("Z"):
            yield int(pid), (int(parent), int(group), int(group))


def _read_stat(name: str) -> tuple[int, int, int] | None:
    """Parent, group and session of a process; None if it has ended."""
    try:
        stat = Path("/proc", name, "stat").read_bytes()
    except OSError:
        return None
    state, parent, group, session = stat[stat.rindex(b")") + 2 :].split()[:4]
    return None if state in b"ZX" else (int(parent), int(group), int(session))


def _is_marked(pid: int, entry: bytes) -> bool:
    try:
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def main(mark: str) -> None:
    """Ends the family of ``mark`` once whoever holds the other end of our input has died."""
    leader = sys.stdin.buffer.readline()  # empty where that came first: the mark must do
    sys.stdin.buffer.read()
    end_family(int(leader or _UNKNOWN), mark, GRACE)


if __name__ == "__main__":
    main(sys.argv[1])
