"""A blocking ``write`` that a test can hold up, break and look into."""

import threading

LIMIT = 20.0


class GatedWriter:
    """Takes bytes while ``gate`` is set; ``broken`` makes every write fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.broken = False
        self.writes: list[bytes] = []

    def __call__(self, data: bytes) -> None:
        self.entered.set()
        if not self.gate.wait(LIMIT):
            raise AssertionError("the test never opened the gate")
        if self.broken:
            raise BrokenPipeError
        self.writes.append(data)

    @property
    def written(self) -> bytes:
        """All bytes so far."""
        return b"".join(self.writes)
