"""Server-sent events, whole and in every cut."""

import pytest

from acp_agent.engine.sse import EVENT_LIMIT, EventReader
from acp_agent.errors import BackendError

STREAM = (
    ": hello\r\ndata: é€\n\nevent: x\ndata:two\ndata: lines\r\n\r\n\n\nid: 1\n\ndata: [DONE]\n\n"
)
EVENTS = ["é€", "two\nlines", "[DONE]"]


def read(*parts: bytes) -> list[str]:
    reader = EventReader()
    return [event.decode() for part in parts for event in reader.feed(part)]


def test_events_are_found_however_they_are_cut() -> None:
    stream = STREAM.encode()
    assert read(stream) == EVENTS
    for cut in range(len(stream)):
        assert read(stream[:cut], stream[cut:]) == EVENTS
    assert read(*(bytes([byte]) for byte in stream)) == EVENTS


def test_unfinished_event_is_not_given_out() -> None:
    assert read(b"data: one\n\ndata: two\n") == ["one"]


@pytest.mark.parametrize("line", [b"x", b"data: x\n"])
def test_endless_event_is_refused(line: bytes) -> None:
    reader = EventReader()

    def feed_on() -> None:
        for _ in range(EVENT_LIMIT + 2):
            assert reader.feed(line) == []

    with pytest.raises(BackendError, match="too long"):
        feed_on()
