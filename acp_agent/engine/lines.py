"""Cutting a byte stream into lines, however the bytes arrive: NDJSON, server-sent events.

Owns finding line ends and the limit of a line. Does not own decoding: a line is handed
over whole, so that no character is ever cut.
"""


class LineTooLong(Exception):
    """A line exceeds the limit."""


class LineBuffer:
    """Bytes that have arrived and are not yet consumed as lines.

    Args:
        limit: bytes of one line; a longer one is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Adds what arrived."""
        self._bytes += data

    def pop(self) -> bytes | None:
        """The next complete line without its end; None while there is none.

        Raises:
            LineTooLong: the line that begins here is longer than the limit.
        """
        end = self._bytes.find(b"\n", self._searched)
        self._searched = len(self._bytes) if end < 0 else 0
        if (self._searched if end < 0 else end) > self._limit:
            raise LineTooLong
        if end < 0:
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        return line.removesuffix(b"\r")

    def rest(self) -> bytes:
        """What is left after the last line end; a last line may lack its own."""
        rest = bytes(self._bytes)
        self._bytes.clear()
        self._searched = 0
        return rest
