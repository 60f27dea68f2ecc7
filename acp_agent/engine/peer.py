"""Who listens at a Unix domain socket, as the kernel says.

Owns asking the kernel, on Linux and macOS. Does not own what follows from the answer.
Where it cannot be told the answer is None.
Sources: unix(7) ``SO_PEERCRED``; macOS's ``sys/un.h`` and ``sys/ucred.h``.
"""

import socket
import struct
import sys
from pathlib import Path

CONNECT_LIMIT = 1.0
"""Seconds."""

_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
_XUCRED_SIZE = 76


def listener_process(path: Path) -> int | None:
    """The process that listens at ``path``; in another container it cannot be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_LIMIT)
        try:
            probe.connect(str(path))
            if sys.platform == "darwin":
                (pid,) = struct.unpack("i", probe.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
            elif sys.platform == "linux":
                pid, _, _ = _linux_credentials(probe)
            else:
                return None
        except OSError:
            return None
    return pid if pid > 0 else None


def listener_user(connection: socket.socket) -> int | None:
    """The user whose process listens at the other end of ``connection``."""
    try:
        if sys.platform == "darwin":
            found = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE)
            return struct.unpack_from("II", found)[1]
        if sys.platform == "linux":
            return _linux_credentials(connection)[1]
    except OSError:
        pass
    return None


def _linux_credentials(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, user, group = struct.unpack("iII", found)
    return pid, user, group
