"""The parts of the openai backend that need no server."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.backends.base import Event, ModelRequest, Progress
from acp_agent.backends.http.wording import error_text, one_line
from acp_agent.backends.openai.endpoints import Endpoint
from acp_agent.backends.openai.events import ServerEvent
from acp_agent.backends.openai.faults import ConnectionFaults, Failed
from acp_agent.backends.openai.joining import Joiner
from acp_agent.backends.openai.steps import Steps
from acp_agent.backends.openai.stream import Answer
from acp_agent.backends.openai.thoughts import Thoughts
from acp_agent.backends.openai.wire import as_count, as_text, parse_object
from acp_agent.conversation import AssistantMessage, ToolCall
from acp_agent.errors import BackendError

FAULTS = ConnectionFaults(Endpoint("tiny", "http://127.0.0.1:1/v1", "127.0.0.1", 1, True))


def utf16_pieces(text: str) -> list[str]:
    """``text`` cut between all its UTF-16 units."""
    data = text.encode("utf-16-le", "surrogatepass")
    pairs = (data[at : at + 2] for at in range(0, len(data), 2))
    return [pair.decode("utf-16-le", "surrogatepass") for pair in pairs]


@given(st.text())
def test_characters_cut_anywhere_come_out_whole(text: str) -> None:
    joiner = Joiner()
    pieces = [joiner.feed(piece) for piece in utf16_pieces(text)]
    assert "".join(pieces) + joiner.finish() == text
    for piece in pieces:
        piece.encode()


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=4), max_size=6))
def test_whatever_comes_is_fit_for_the_wire(pieces: list[str]) -> None:
    joiner = Joiner()
    out = [*(joiner.feed(piece) for piece in pieces), joiner.finish()]
    for piece in out:
        piece.encode()


FIELDS = st.sampled_from(
    (
        *("choices", "delta", "message", "content", "reasoning", "tool_calls", "function", "name"),
        *("arguments", "index", "id", "finish_reason", "usage", "timings", "prompt_tokens"),
        *("completion_tokens", "prompt_progress", "processed", "total", "error", "text"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=4), max_size=4))
def test_no_chunk_breaks_the_reader(chunks: list[dict[str, Any]]) -> None:
    answer = Answer(ModelRequest((), "tiny/m"), FAULTS, None, Steps("m"))
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += answer.read(ServerEvent("message", json.dumps(chunk).encode()))
    except (Failed, BackendError):
        return
    events += answer.finish()
    assert json.dumps([repr(event) for event in events])
    titles = {event.id for event in events if isinstance(event, Progress)}
    assert titles <= {"prefill"}


@pytest.mark.parametrize(
    ("value", "count"),
    [(3, 3), (3.5, 3), (0, 0), (-1, None), (True, None), ("3", None), (None, None)],
)
def test_counts(value: object, count: int | None) -> None:
    assert as_count(value) == count
    assert as_count(float("nan")) is None
    assert as_count(float("inf")) is None


def test_text_in_parts() -> None:
    assert as_text([{"text": "a"}, 3, {"type": "image"}, {"text": "b"}]) == "ab"
    assert as_text({"text": "a"}) == ""


@pytest.mark.parametrize("data", [b"", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_object(data: bytes) -> None:
    assert parse_object(data) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("words", "words"),
        ({"message": "words", "code": 3}, "words"),
        ('{"error": {"message": "words"}}', "words"),
        ({"detail": "words"}, "words"),
        ({"message": None, "error": "words"}, "words"),
        ({"detail": [{"loc": ["body"], "msg": "words", "input": {"a": 1}}]}, "words"),
        ("{no json", "{no json"),
        (None, "None"),
    ],
)
def test_the_readable_part_of_an_error(error: object, text: str) -> None:
    assert error_text(error) == text


def test_an_error_text_becomes_part_of_a_sentence() -> None:
    assert one_line(" open /home/me/x.gguf:\n no such file. ") == "open (path): no such file"
    assert len(one_line("x " * 1000)) <= 301
    assert one_line("half a \ud83c character") == "half a ? character"


def test_thoughts_are_bounded() -> None:
    thoughts = Thoughts()
    for number in range(300):
        thoughts.note("hm", [f"call {number}"])
    thoughts.note("x" * 100_000, ["long"])
    thoughts.note("  ", ["blank"])

    def knows(id: str) -> bool:
        return bool(thoughts.needed([AssistantMessage("", tool_calls=(ToolCall(id, "f", ""),))]))

    assert knows("call 299")
    assert knows("call 44")
    assert not any(map(knows, ("call 43", "long", "blank")))
