"""Reading server-sent events from bytes as they come.

Owns splitting the stream into events, within a bound. Does not own what they mean.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from acp_agent.errors import BackendError

EVENT_LIMIT = 2**20
"""Bytes of one line, and of one event."""


class EventReader:
    """Gathers the ``data`` of events; other fields and comments are skipped."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, part: bytes) -> list[bytes]:
        """The data of the events that ``part`` completes.

        Raises:
            BackendError: an event is longer than ``EVENT_LIMIT``.
        """
        first, *lines = part.split(b"\n")
        self._line += first
        if len(self._line) > EVENT_LIMIT:
            raise _too_long()
        if not lines:
            return []
        whole = [bytes(self._line), *lines[:-1]]
        self._line = bytearray(lines[-1])
        return [event for line in whole if (event := self._take(line)) is not None]

    def _take(self, line: bytes) -> bytes | None:
        line = line.removesuffix(b"\r")
        if not line:
            event = b"\n".join(self._data) if self._data else None
            self._data, self._size = [], 0
            return event
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            if self._size > EVENT_LIMIT:
                raise _too_long()
        return None


def _too_long() -> BackendError:
    return BackendError("The model's server sent a message that is too long; try again.")
