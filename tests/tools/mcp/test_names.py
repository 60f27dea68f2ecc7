"""Names of servers' tools: allowed characters, length, no two alike."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.tools.mcp.names import NAME_LIMIT, unique_names


def test_names_keep_what_is_allowed() -> None:
    pairs = [("git", "log"), ("My files!", "read file"), ("é", "%"), ("git", "log")]
    assert unique_names(pairs, "__") == [
        "git__log",
        "My_files__read_file",
        "unnamed__unnamed",
        "git__log_2",
    ]
    assert unique_names([("git", "log")], ":") == ["git:log"]


def test_long_names_are_told_apart_by_what_was_cut_off() -> None:
    one, two = unique_names([("s", "x" * 100 + "1"), ("s", "x" * 100 + "2")], "__")
    assert one != two
    assert {len(one), len(two)} == {NAME_LIMIT}
    assert unique_names([("s" * 100, "tool")], "__") == ["s" * 24 + "__tool"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(max_size=90)), max_size=30))
def test_any_names_become_valid_and_unique(pairs: list[tuple[str, str]]) -> None:
    pairs = pairs + pairs
    names = unique_names(pairs, "__")
    assert len(set(names)) == len(pairs)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    assert names[: len(pairs) // 2] == unique_names(pairs[: len(pairs) // 2], "__")
