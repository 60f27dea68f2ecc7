"""Terminal output made fit to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.commands.terminal_text import (
    BoundedOutput,
    clean,
    code_block,
    make_visible,
    shorten,
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain\n\ttext\n", "plain\n\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1b(Bafter\x1b=", "after"),
        ("\x9b31mafter", "after"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("10%\r50%\r\ndone", "50%\ndone"),
        ("\r\x1b[K10%\r\x1b[K", "10%"),
        ("ab\b\bcd", "cd"),
        ("\b\bx", "x"),
        ("a bell\x07 and a null\x00", "a bell and a null"),
        ("an escape at the end\x1b", "an escape at the end"),
        ("\x1b]a title without end\nnext line", "\nnext line"),
    ],
)
def test_what_a_terminal_would_leave(written: str, read: str) -> None:
    assert clean(written) == read


def test_what_is_no_text_is_named_only() -> None:
    binary = bytes(range(256)) * 8
    assert clean(binary.decode("utf-8", "replace")).startswith("[this is no text")


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    left = clean(text)
    assert not [c for c in left if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]


@given(st.text(alphabet="`a \n~"))
def test_no_text_ends_its_code_block(text: str) -> None:
    first, *inside, last = code_block(text, "sh").split("\n")
    assert first == last + "sh"
    assert not [line for line in inside if last in line]


def test_what_hides_is_made_visible() -> None:
    assert make_visible("a\u202eb\x1bc\nd\te\U000e0041") == "a\\u202eb\\u001bc\nd\te\\U000e0041"


@given(st.lists(st.binary(max_size=40)), st.integers(1, 100))
def test_output_is_whole_or_says_what_is_missing(pieces: list[bytes], limit: int) -> None:
    output = BoundedOutput(limit)
    for piece in pieces:
        output.add(piece)
    whole = b"".join(pieces)
    assert output.size == len(whole)
    if len(whole) <= limit:
        assert output.text() == whole.decode("utf-8", "replace")
        assert output.last(limit) == output.text()
    else:
        assert "bytes are left out here" in output.text()
        assert output.text().encode()[-1:] or not whole


def test_head_and_tail_are_kept_in_bounded_memory() -> None:
    output = BoundedOutput(1000)
    for number in range(100_000):
        output.add(b"%06d\n" % number)
    text = output.text()
    assert text.startswith("000000\n")
    assert text.endswith("\n099999\n")
    assert "[... 699000 bytes are left out here ...]" in text
    assert sum(map(len, (output._head, output._tail))) < 3000  # pyright: ignore[reportPrivateUsage]
    assert output.last(7) == "099999\n"


def test_a_cut_does_not_break_a_character() -> None:
    assert "\ufffd" not in shorten("ä" * 1000, 101)
    assert shorten("short", 5) == "short"
