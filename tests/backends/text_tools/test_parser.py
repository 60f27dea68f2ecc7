"""The reader of calls: any text, in any pieces."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.backends.base import TextDelta, ToolCallRequested, ToolCallStarted
from acp_agent.backends.text_tools.parser import CallReader
from acp_agent.backends.text_tools.source import DOUBT_LIMIT, HOLD_LIMIT, Reading, Source
from tests.backends.text_tools.offered import TOOLS, read_pieces
from tests.backends.text_tools.test_corpus import CASES

FRAGMENTS = (
    "TOOL",
    ": ",
    "tool:",
    "ARGUMENTS:",
    "READ_FIL",
    "delete_file",
    "\n",
    " ",
    "```",
    "json",
    "1. ",
    "**",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    '"',
    "'",
    '"name"',
    '"arguments"',
    "<tool_call>",
    "</tool_call>",
    "<function=",
    "[TOOL_CALLS]",
    "RESULT:",
    "\\",
    "“",
    "é",
    "word",
    "12",
)
NAMES = ("read_file", "search", "write_file", "list_directory")

texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=40).map("".join)
call_like = st.lists(st.sampled_from((*FRAGMENTS, *NAMES)), max_size=40).map("".join)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=4)


def cut(text: str, places: Sequence[int]) -> list[str]:
    """``text`` in pieces, cut at ``places`` (taken modulo its length)."""
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def has_offered_name(text: str) -> bool:
    return any(tool.name in text.lower() for tool in TOOLS)


places = st.lists(st.integers(min_value=0), max_size=8)


@given(texts.filter(lambda text: not has_offered_name(text)), places)
def test_text_without_an_offered_name_comes_out_unchanged(text: str, where: list[int]) -> None:
    read = read_pieces(cut(text, where))
    assert read.visible == text
    assert read.calls == []


@given(call_like, places)
def test_pieces_make_no_difference(text: str, where: list[int]) -> None:
    assert read_pieces(cut(text, where)) == read_pieces([text]) == read_pieces(text)


@given(st.sampled_from(CASES), st.sampled_from(CASES), places)
def test_pieces_make_no_difference_to_real_answers(
    first: dict[str, Any], second: dict[str, Any], where: list[int]
) -> None:
    text = f"{first['text']}\n{second['text']}"
    assert read_pieces(cut(text, where)) == read_pieces([text])


@settings(max_examples=60)
@given(objects, st.sampled_from([None, 2]), st.booleans())
def test_correct_json_is_kept_to_the_letter(
    arguments: dict[str, Any], indent: int | None, is_ascii: bool
) -> None:
    written = json.dumps(arguments, indent=indent, ensure_ascii=is_ascii)
    told = read_pieces([f"I look.\nTOOL: read_file\nARGUMENTS: {written}\n"])
    assert told.calls == [("read_file", written, "")]
    assert told.visible == "I look.\n"
    tagged = f'<tool_call>{{"name": "read_file", "arguments": {written}}}</tool_call>'
    assert read_pieces([tagged]).calls == [("read_file", written, "")]


@given(objects)
def test_arguments_as_a_json_string(arguments: dict[str, Any]) -> None:
    written = json.dumps({"name": "read_file", "arguments": json.dumps(arguments)})
    ((name, found, fault),) = read_pieces([written]).calls
    assert (name, fault) == ("read_file", "")
    assert json.loads(found) == arguments


@given(st.text(), places)
def test_cut_off_calls_are_not_made(content: str, where: list[int]) -> None:
    """A call that a limit cut off may lack half of what it should write."""
    arguments = json.dumps({"path": "a", "content": content})
    text = f"TOOL: write_file\nARGUMENTS: {arguments}"
    for end in (len(text) - 1, len(text) - 2, len(text) - len(content) // 2 - 2):
        read = read_pieces(cut(text[:end], where), cut=True)
        assert all(fault for _, _, fault in read.calls)
        assert read.calls


def test_a_call_that_is_whole_survives_a_cut() -> None:
    text = 'TOOL: read_file\nARGUMENTS: {"path": "a"}'
    assert read_pieces([text], cut=True).calls == [("read_file", '{"path": "a"}', "")]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("The quick brown fox", ""),
        ("It is done. The", ""),
        ("a = {x: 1, y", ""),
        ("if (a) {\n  return", ""),
        ("see [the docs](x", ""),
        ("a < b and <div", ""),
        ("- an item", ""),
        ("```python\nimport os", ""),
        ('{"version": 1', ""),
        ("Read it.\n\nTO", "TO"),
        ("Read it. TOOL: re", "TOOL: re"),
        ("```json\n", "```json\n"),
        ('x {"name": "re', '{"name": "re'),
        ("read_", "read_"),
    ],
)
def test_only_what_may_begin_a_call_is_held_back(text: str, held: str) -> None:
    reader = CallReader(TOOLS)
    events = [event for character in text for event in reader.feed(character)]
    passed = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert passed == text.removesuffix(held)
    assert "".join(e.text for e in reader.finish() if isinstance(e, TextDelta)) == held


def test_a_call_is_told_as_soon_as_it_is_certain() -> None:
    reader = CallReader(TOOLS)
    assert reader.feed("TOOL: write_file\nARGUMENTS: ") == []
    (started,) = reader.feed('{"path": "a')
    assert isinstance(started, ToolCallStarted)
    assert started.name == "write_file"
    assert reader.feed('", "content": "x') == []
    (requested,) = reader.feed('"}\n')
    assert isinstance(requested, ToolCallRequested)
    assert requested.call.id == started.id


def test_a_call_that_comes_whole_is_told_at_once() -> None:
    (requested,) = CallReader(TOOLS).feed('TOOL: read_file\nARGUMENTS: {"path": "a"}\n')
    assert isinstance(requested, ToolCallRequested)


def test_ids_differ() -> None:
    reader = CallReader(TOOLS)
    events = reader.feed("TOOL: list_directory\nARGUMENTS: {}\n" * 3) + reader.finish()
    asked = [event.call.id for event in events if isinstance(event, ToolCallRequested)]
    assert len(set(asked)) == 3


def test_doubt_ends_somewhere() -> None:
    reader = CallReader(TOOLS)
    text = '{"arguments": {"a": "' + "x" * (DOUBT_LIMIT + 10)
    events = reader.feed(text)
    assert events == [TextDelta(text)]


def test_a_call_without_end_is_given_up() -> None:
    read = read_pieces(
        ['TOOL: write_file\nARGUMENTS: {"content": "', "x" * (HOLD_LIMIT + 1000), '"}\nBye']
    )
    ((_, _, fault),) = read.calls
    assert "too long" in fault
    assert read.visible == "\nBye"


@pytest.mark.parametrize("opener", ["{", "[", '{"a":', "```\n", "<tool_call>", "1. ", "- "])
def test_work_grows_with_the_text_only(opener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, peek = 0, Source.peek

    def counting(self: Source, pos: int) -> Reading[str]:
        nonlocal looks
        looks += 1
        return peek(self, pos)

    monkeypatch.setattr(Source, "peek", counting)
    text = opener * 500
    assert read_pieces([text]).visible == text
    assert looks < 150 * len(text)
    assert len(read_pieces([f'TOOL: read_file\nARGUMENTS: {{"path": {text}']).calls) == 1
