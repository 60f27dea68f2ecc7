"""Exact matches whatever the line ends, and the closest lines where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.files.closest import Closest, find_closest
from acp_agent.tools.files.matching import find_lines, replace, take_line_ends, unify


@pytest.mark.parametrize(
    ("content", "wanted", "new", "result", "lines"),
    [
        ("a\nb\nc\n", "b", "x", "a\nx\nc\n", (2,)),
        ("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n", "x\r\ny\r\nz\r\nc\r\n", (1,)),
        ("a\r\nb\r\n", "a\r\nb", "x\r\ny", "x\r\ny\r\n", (1,)),
        ("a\nb\n", "a\r\nb", "x\r\ny", "x\ny\n", (1,)),
        ("a\r\nb\nc\r\n", "b\n", "x\n", "a\r\nx\r\nc\r\n", (2,)),
        ("a\nb\r\nc\n", "a", "x", "x\nb\r\nc\n", (1,)),
        ("a a\na", "a", "b", "b b\nb", (1, 1, 2)),
        ("aaa", "aa", "b", "ba", (1,)),
        ("a\rb\n", "b", "x", "a\rx\n", (1,)),
        ("a\r\n", "\n", "", "a", (1,)),
        ("a", "b", "x", "a", ()),
    ],
)
def test_matches_are_replaced(
    content: str, wanted: str, new: str, result: str, lines: tuple[int, ...]
) -> None:
    replaced = replace(content, wanted, new)
    assert (replaced.content, replaced.lines) == (result, lines)
    assert find_lines(content, wanted) == lines


TEXT = st.lists(st.sampled_from(["a", "b", "\n", "\r\n"]), max_size=30).map("".join)


@given(TEXT, TEXT.filter(bool), TEXT)
def test_all_but_the_match_stays(content: str, wanted: str, new: str) -> None:
    replaced = replace(content, wanted, new)
    expected = unify(content).replace(unify(wanted), unify(new))
    assert unify(replaced.content) == unify(expected)
    assert replace(content, wanted, wanted).lines == find_lines(content, wanted)
    if "\r\n" not in content:
        assert replaced.content == expected


@given(TEXT)
def test_line_ends_are_taken_from_the_example(text: str) -> None:
    assert "\r\n" not in take_line_ends(text, "a\nb\r\nc\n")
    assert unify(take_line_ends(text, "a\r\nb\r\nc\n")) == unify(text)


CONTENT = "def first(value):\n    return value + 1\n\n\ndef second(value):\n    return value * 2\n"


@pytest.mark.parametrize(
    ("wanted", "closest"),
    [
        ("return value+1", Closest(2, ("    return value + 1",), only_spaces=True)),
        (
            "\ndef second(value):\n\treturn value * 2\n",
            Closest(5, ("def second(value):", "    return value * 2"), only_spaces=True),
        ),
        (
            "def second(val):\n    return val * 2",
            Closest(5, ("def second(value):", "    return value * 2"), only_spaces=False),
        ),
        ("zzzzzzzzzzzzzzzz", None),
        ("\n\n\n", None),
        ("   ", None),
    ],
)
def test_the_closest_lines_are_found(wanted: str, closest: Closest | None) -> None:
    assert find_closest(CONTENT, wanted) == closest


def test_the_closest_lines_of_a_long_file_are_found() -> None:
    lines = [f"value_{number} = compute({number})" for number in range(100_000)]
    lines[15_000] = "def the_one_that_is_meant(argument):"
    closest = find_closest("\n".join(lines), "def the_one_which_is_meant(argument):\n    pass")
    assert closest is not None
    assert closest.first == 15_001


@given(TEXT, TEXT)
def test_any_text_may_be_sought(content: str, wanted: str) -> None:
    closest = find_closest(content, wanted)
    if closest is not None:
        start = closest.first - 1
        assert list(closest.lines) == content.split("\n")[start : start + len(closest.lines)]
