"""Server-sent events of a streamed answer, and what servers send in their place.

Owns putting lines together to events, comments included, since some servers tell there how
far they are. Does not own what an event means (``stream``).

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acp_agent.backends.http.lines import LINE_LIMIT
from acp_agent.backends.openai.wire import parse_object
from acp_agent.errors import BackendError

if TYPE_CHECKING:
    from acp_agent.backends.http.lines import ResponseLines
    from acp_agent.backends.openai.faults import ConnectionFaults


_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True, frozen=True)
class ServerEvent:
    """One event, or a comment (``name`` is then ``comment``).

    ``name`` is ``message`` unless the server gave another. ``data`` is whole.
    """

    name: str
    data: bytes


class EventStream:
    """The events of one answer, pulled one at a time."""

    def __init__(self, lines: "ResponseLines", faults: "ConnectionFaults") -> None:
        self.lines = lines
        self._faults = faults
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._has_begun = False

    async def next_event(self) -> ServerEvent | None:
        """The next event or comment; None at the end of the stream.

        A body that is one JSON object is one event: a refusal, or an answer of a server that
        does not stream.

        Raises:
            TimeoutError: the deadline of ``lines`` has passed.
            BackendError: the stream stalled or broke off, or is none of such a server.
        """
        while (line := await self.lines.next_line()) is not None:
            if not self._has_begun and line.strip():
                self._has_begun = True
                line = line.removeprefix(_BOM)
                start = line.lstrip()
                if start.startswith((b"{", b"[")):
                    return ServerEvent("message", start + b"\n" + await self.lines.rest())
                if start.startswith(b"<"):
                    raise self._faults.no_api()
            if (event := self._take(line)) is not None:
                return event
        event = self._flush()
        return None if event is not None and _is_cut(event.data) else event

    async def aclose(self) -> None:
        """Closes the connection unless the answer was read to its end; waits for nobody."""
        await self.lines.aclose()

    def _take(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._flush()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            return ServerEvent("comment", value)
        if name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name in (b"data", b"error"):  # older llama.cpp names a failure in the field's place
            self._name = "error" if name == b"error" else self._name
            self._add(value)
        return None

    def _add(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value)
        if self._size > LINE_LIMIT:
            raise self._too_long()

    def _too_long(self) -> BackendError:
        return self._faults.too_long(LINE_LIMIT)

    def _flush(self) -> ServerEvent | None:
        """The event that is whole now; also the last one of a stream that lacks its end."""
        data, name = self._data, self._name or "message"
        self._data, self._name, self._size = [], "", 0
        return ServerEvent(name, b"\n".join(data)) if data else None


def _is_cut(data: bytes) -> bool:
    """Whether the stream ended in the middle of the event with ``data``."""
    start = data.strip()
    return start.startswith((b"{", b"[")) and start != b"[DONE]" and parse_object(data) is None
