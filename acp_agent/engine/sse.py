"""Reading server-sent events from bytes as they come.

Owns putting lines together to events, within a bound. Does not own what they mean.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from acp_agent.engine.lines import LineBuffer, LineTooLong
from acp_agent.errors import BackendError

EVENT_LIMIT = 2**20
"""Bytes of one line, and of one event."""


class EventReader:
    """Gathers the ``data`` of events; other fields and comments are skipped."""

    def __init__(self) -> None:
        self._lines = LineBuffer(EVENT_LIMIT)
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, part: bytes) -> list[bytes]:
        """The data of the events that ``part`` completes.

        Raises:
            BackendError: an event is longer than ``EVENT_LIMIT``.
        """
        self._lines.feed(part)
        try:
            lines = iter(self._lines.pop, None)
            return [event for line in lines if (event := self._take(line)) is not None]
        except LineTooLong:
            raise BackendError(
                "The model's server sent a message that is too long; try again."
            ) from None

    def _take(self, line: bytes) -> bytes | None:
        if not line:
            event = b"\n".join(self._data) if self._data else None
            self._data, self._size = [], 0
            return event
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            if self._size > EVENT_LIMIT:
                raise LineTooLong
        return None
