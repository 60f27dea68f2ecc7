"""Tool names: written as Harmony can, and found again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.harmony.names import ToolNames

NAMES = st.sets(st.text("ab_-.2é<|> ", max_size=4))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("read_file", "read_file"),
        ("fs.read-file", "fs_read_file"),
        ("2d", "_2d"),
        ("", "_"),
        ("読む", "__"),
        ("a b<|end|>", "a_b__end__"),
    ],
)
def test_name_is_written_with_valid_characters(name: str, written: str) -> None:
    names = ToolNames([name])
    assert names.write(name) == written
    assert names.read(written) == name


def test_a_valid_name_keeps_its_own() -> None:
    names = ToolNames(["a.b", "a-b", "a_b", "a_b_2"])
    assert [names.write(name) for name in ("a_b", "a_b_2")] == ["a_b", "a_b_2"]
    assert [names.write(name) for name in ("a-b", "a.b")] == ["a_b_3", "a_b_4"]


def test_past_names_take_none_from_offered_ones() -> None:
    names = ToolNames(["a-b"], past=["a_b", "a-b"])
    assert names.write("a-b") == "a_b"
    assert names.write("a_b") == "a_b_2"


def test_an_unknown_name_is_no_tool() -> None:
    assert ToolNames(["a"]).read("b") is None


@given(NAMES, NAMES)
def test_there_are_no_collisions(offered: set[str], past: set[str]) -> None:
    names = ToolNames(offered, past)
    written = [names.write(name) for name in offered | past]
    assert len(set(written)) == len(written)
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII) for name in written)
    assert {names.read(name) for name in written} == offered | past


@given(NAMES)
def test_the_order_of_tools_does_not_matter(offered: set[str]) -> None:
    one, other = ToolNames(sorted(offered)), ToolNames(sorted(offered, reverse=True), past=["a_b"])
    assert [one.write(name) for name in offered] == [other.write(name) for name in offered]
