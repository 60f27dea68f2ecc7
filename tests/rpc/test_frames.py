"""Lines in, lines out: splitting, limits, JSON, and text frames that join."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import AgentError, ParseError
from acp_agent.rpc.frames import (
    LINE_LIMIT,
    LineSplitter,
    LineTooLong,
    MessageFrame,
    TextFrame,
    decode,
    encode,
    encode_text,
)

STREAM = b'{"a":1}\n\n{"b":"\xc3\xa4"}\r\n \t\r\n[]\nrest\n'
LINES = [b'{"a":1}', b'{"b":"\xc3\xa4"}\r', b"[]", b"rest"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4)
    | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)  # fmt: skip


def split(chunks: Iterable[bytes], limit: int = LINE_LIMIT) -> list[bytes | AgentError]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)]


def test_lines_come_out_of_one_chunk_without_the_blank_ones() -> None:
    assert split([STREAM]) == LINES


def test_lines_come_out_byte_by_byte() -> None:
    assert split(bytes([byte]) for byte in STREAM) == LINES


@pytest.mark.parametrize("first", range(len(STREAM)))
def test_lines_come_out_of_every_two_splits(first: int) -> None:
    for second in range(first, len(STREAM)):
        assert split([STREAM[:first], STREAM[first:second], STREAM[second:]]) == LINES


def test_a_line_waits_for_its_line_feed() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b"half")) == []
    assert list(splitter.feed(b"\n")) == [b"half"]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_line_over_the_limit_is_one_error_and_the_next_is_read(size: int) -> None:
    stream = b"12345678\n" + b"x" * 50 + b"\nnext\n"
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    exact, error, following = split(chunks, limit=8)
    assert exact == b"12345678"
    assert isinstance(error, LineTooLong)
    assert error.code == -32700
    assert "8 bytes" in error.message
    assert following == b"next"


def test_a_line_over_the_limit_is_not_kept() -> None:
    splitter = LineSplitter(limit=8)
    assert list(splitter.feed(b"1234")) == []
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []
    assert not vars(splitter)["_parts"]


def test_the_limit_is_64_mib_at_least() -> None:
    assert LINE_LIMIT >= 64 * 1024 * 1024


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b'{"a":',
        b'{"a":1} 2',
        b"NaN",
        b'{"a":Infinity}',
        b"-Infinity",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"cut \\ud8"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b"\x00",
    ],
    ids=lambda line: repr(line[:12]),
)
def test_what_is_not_json_is_a_parse_error_with_a_next_step(line: bytes) -> None:
    with pytest.raises(ParseError) as raised:
        decode(line)
    assert raised.value.code == -32700
    assert raised.value.message.endswith("Send one JSON object per line.")
    assert len(raised.value.message) < 300


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\uD83D"', "\ufffd"),
        (rb'"a\ude00b"', "a\ufffdb"),
        (rb'"\ud83d\ud83d\ude00\ude00"', "\ufffd\U0001f600\ufffd"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_escapes_of_unpaired_surrogates_are_read_as_replacements(line: bytes, text: str) -> None:
    assert decode(line) == text


def test_a_line_may_end_in_a_carriage_return() -> None:
    assert decode(b'{"a":1}\r') == {"a": 1}


@given(json_values)
def test_what_is_encoded_is_one_line_and_decodes_to_itself(value: Any) -> None:
    line = encode({"value": value})
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert decode(line) == {"value": value} == json.loads(line)


@given(st.text(st.characters(exclude_categories=[])))
def test_text_with_surrogates_is_encoded_as_utf_8(text: str) -> None:
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(encode_text(text)) == expected
    assert json.loads(encode({text: [text]})) == {expected: [expected]}


def test_unpaired_surrogates_are_replaced_and_pairs_joined() -> None:
    assert encode_text("a\ud800b") == '"a\ufffdb"'.encode()
    assert encode({"a": "\ud83d\ude00\udfff"}) == '{"a":"\U0001f600\ufffd"}\n'.encode()


def test_a_message_frame_knows_its_size_and_joins_nothing() -> None:
    frame = MessageFrame({"a": "\xe4"})
    assert frame.encode() == b'{"a":"\xc3\xa4"}\n'
    assert frame.size == len(frame.encode())
    assert not frame.absorb(MessageFrame({"a": "b"}))
    assert not frame.absorb(TextFrame(b"h", "t", b"\n"))


HEAD = b'{"text":'
TAIL = b"}\n"


def test_text_frames_with_the_same_head_object_join() -> None:
    frame = TextFrame(HEAD, 'a"', TAIL)
    assert frame.absorb(TextFrame(HEAD, "\n", TAIL))
    assert frame.absorb(TextFrame(HEAD, "c", TAIL))
    assert frame.encode() == b'{"text":"a\\"\\nc"}\n'
    assert frame.size == 4


def test_surrogate_halves_in_two_text_frames_join_to_one_character() -> None:
    frame = TextFrame(HEAD, "\ud83d", TAIL)
    frame.absorb(TextFrame(HEAD, "\ude00", TAIL))
    assert json.loads(frame.encode())["text"] == "\U0001f600"


def test_text_frames_with_equal_heads_of_two_streams_stay_apart() -> None:
    frame = TextFrame(HEAD, "a", TAIL)
    assert not frame.absorb(TextFrame(bytes(bytearray(HEAD)), "b", TAIL))
    assert not frame.absorb(MessageFrame({"a": 1}))
    assert frame.encode() == b'{"text":"a"}\n'
