"""Claims descriptors 0 and 1 for the protocol, before anything else is imported.

Owns where the wire is and where stray output goes: after ``claim`` a ``print``, a
warning or a C library that writes to descriptor 1 lands on stderr, and a client that
never reads our stderr cannot block us. Does not own reading or writing messages.
"""

import contextlib
import os
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import select

_PIPE_ATOMIC = 512
"""Bytes that POSIX lets a writable pipe take without blocking (``_POSIX_PIPE_BUF``)."""


@dataclass(slots=True, frozen=True)
class Wire:
    """The two descriptors that carry messages; neither is inherited by children."""

    read_fd: int
    write_fd: int


class StderrRelay:
    """Passes what is written to descriptors 1 and 2 on to the real stderr, or drops it.

    A thread empties the pipe at all times and writes only while stderr has room.
    """

    def __init__(self, real_fd: int, pipe_fd: int) -> None:
        self._real = real_fd
        self._pipe = pipe_fd
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="stderr-relay", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Restores the real stderr and waits up to ``seconds`` for the rest to pass."""
        with contextlib.suppress(OSError):
            os.dup2(self._real, 2)
            os.dup2(self._real, 1)
        self._thread.join(seconds)

    def _run(self) -> None:
        import select

        room = select.poll()
        room.register(self._real, select.POLLOUT)
        with contextlib.suppress(OSError):
            while data := os.read(self._pipe, 65536):
                self._pass_on(data, room)

    def _pass_on(self, data: bytes, room: "select.poll") -> None:
        for start in range(0, len(data), _PIPE_ATOMIC):
            piece = data[start : start + _PIPE_ATOMIC]
            try:
                self.dropped += len(piece) - (os.write(self._real, piece) if room.poll(0) else 0)
            except OSError:
                # Nobody reads any more; the pipe must be emptied all the same.
                self.dropped += len(piece)


def claim() -> Wire:
    """Takes the protocol's descriptors and points 0 at nothing and 1 at stderr."""
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        # A standard descriptor came closed: nothing else may take its number.
        null = os.open(os.devnull, os.O_RDWR)
    wire = Wire(os.dup(0), os.dup(1))
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (wire.read_fd, wire.write_fd):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return wire


def relay_stderr() -> StderrRelay | None:
    """Puts a relay in front of stderr; None where the platform cannot poll."""
    if sys.platform == "win32":
        return None
    read_end, write_end = os.pipe()
    relay = StderrRelay(os.dup(2), read_end)
    os.dup2(write_end, 2)
    os.dup2(write_end, 1)
    os.close(write_end)
    relay.start()
    return relay
