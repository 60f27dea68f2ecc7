"""Tool calls out of the pieces in which servers send them."""

from typing import Any

import pytest

from acp_agent.backends.base import ToolCallStarted
from acp_agent.backends.openai.calls import Calls
from tests.fixtures.openai_server import (
    call,
)

ID = "call_abcdefgh"
OTHER = "call_ijklmnop"
NOW: dict[str, Any] = {"name": "now", "arguments": "{}"}


def assembled(*pieces: dict[str, Any]) -> list[tuple[str, str]]:
    calls = Calls(())
    for piece in pieces:
        list(calls.feed(piece))
    finished = list(calls.finish(is_cut=False))
    assert len({each.call.id for each in finished}) == len(finished)
    assert all(len(each.call.id) >= 9 for each in finished)
    return [(each.call.name, each.call.arguments) for each in finished]


CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "whole": ([call(0, id=ID, **NOW)], [("now", "{}")]),
    "in pieces": (
        [call(0, id=ID, name="ls"), call(0, arguments='{"a'), call(0, arguments='": 1}')],
        [("ls", '{"a": 1}')],
    ),
    "two at once": (
        [
            call(0, id=ID, name="ls", arguments=""),
            call(1, id=OTHER, name="now", arguments=""),
            call(1, arguments='{"b": 2}'),
            call(0, arguments='{"a": 1}'),
        ],
        [("ls", '{"a": 1}'), ("now", '{"b": 2}')],
    ),
    "two with the same index": (
        [call(0, id=ID, **NOW), call(0, id=OTHER, name="ls", arguments="{}")],
        [("now", "{}"), ("ls", "{}")],
    ),
    "two with the same index, in pieces": (
        [
            call(0, id=ID, name="now", arguments="{"),
            call(0, arguments="}"),
            call(0, id=OTHER, name="ls", arguments="{"),
            call(0, arguments="}"),
        ],
        [("now", "{}"), ("ls", "{}")],
    ),
    "no index": (
        [
            {"id": ID, "function": {"name": "ls", "arguments": ""}},
            {"function": {"arguments": '{"a": 1}'}},
            {"id": OTHER, "function": NOW},
        ],
        [("ls", '{"a": 1}'), ("now", "{}")],
    ),
    "no index, ids with each piece": (
        [
            {"id": ID, "function": {"name": "ls", "arguments": "{"}},
            {"id": OTHER, "function": {"name": "now", "arguments": "{"}},
            {"id": ID, "function": {"arguments": "}"}},
            {"id": OTHER, "function": {"arguments": "}"}},
        ],
        [("ls", "{}"), ("now", "{}")],
    ),
    "neither index nor id": (
        [{"function": {"name": "ls", "arguments": "{}"}}, {"function": NOW}],
        [("ls", "{}"), ("now", "{}")],
    ),
    "neither index nor id, a name in pieces": (
        [
            {"function": {"name": "read"}},
            {"function": {"name": "_file"}},
            {"function": {"arguments": "{}"}},
        ],
        [("read_file", "{}")],
    ),
    "two with the same index and no id": (
        [call(0, **NOW), call(0, name="ls", arguments="{}")],
        [("now", "{}"), ("ls", "{}")],
    ),
    "the same call twice with the same index and no id": (
        [call(0, name="ls", arguments='{"a": 1}'), call(0, name="ls", arguments='{"a": 2}')],
        [("ls", '{"a": 1}'), ("ls", '{"a": 2}')],
    ),
    "the name once more at the end": (
        [call(0, name="ls", arguments="{}"), call(0, name="ls", arguments="")],
        [("ls", "{}")],
    ),
    "a name that comes last": ([call(0, arguments="{}"), call(0, name="ls")], [("ls", "{}")]),
    "a character cut in two": (
        [call(0, id=ID, name="ls", arguments='{"a": "\ud83c'), call(0, arguments='\udf63"}')],
        [("ls", '{"a": "🍣"}')],
    ),
    "half a character": (
        [call(0, id=ID, name="l\ud83c", arguments='{"a": "\ud83c"}')],
        [("l\N{REPLACEMENT CHARACTER}", '{"a": "\N{REPLACEMENT CHARACTER}"}')],
    ),
    "ids that are counters": (
        [call(0, id="0", **NOW), call(1, id="0", **NOW)],
        [("now", "{}"), ("now", "{}")],
    ),
    "the same id for two": (
        [call(0, id=ID, **NOW), call(1, id=ID, **NOW)],
        [("now", "{}"), ("now", "{}")],
    ),
    "an id that comes late": (
        [call(0, name="ls"), call(0, id=ID, arguments="{}")],
        [("ls", "{}")],
    ),
    "a name in pieces": (
        [call(0, id=ID, name="read"), call(0, name="_file"), call(0, arguments="{}")],
        [("read_file", "{}")],
    ),
    "a name in pieces that end alike": (
        [call(0, name="fil"), call(0, name="l"), call(0, arguments="{}")],
        [("fill", "{}")],
    ),
    "the name with each piece": (
        [call(0, id=ID, name="ls", arguments="{"), call(0, id=ID, name="ls", arguments="}")],
        [("ls", "{}")],
    ),
    "a name that grows": (
        [call(0, id=ID, name="read"), call(0, id=ID, name="read_file", arguments="{}")],
        [("read_file", "{}")],
    ),
    "arguments as an object": ([call(0, name="ls", arguments={"a": "ä"})], [("ls", '{"a": "ä"}')]),
    "no arguments": ([call(0, name="ls"), call(0, arguments=None)], [("ls", "{}")]),
    "blank arguments": ([call(0, name="ls", arguments=" ")], [("ls", "{}")]),
    "no function around": ([{"name": "ls", "arguments": "{}"}], [("ls", "{}")]),
    "nothing": ([{}], [("", "{}")]),
}


@pytest.mark.parametrize(("pieces", "expected"), CASES.values(), ids=CASES)
def test_calls(pieces: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert assembled(*pieces) == expected


def test_a_call_is_told_when_its_name_is_certain() -> None:
    calls = Calls(())
    assert list(calls.feed(call(0, id=ID, name="read"))) == []
    assert list(calls.feed(call(0, name="_file"))) == []
    assert list(calls.feed(call(0, arguments="{"))) == [ToolCallStarted(ID, "read_file")]
    assert list(calls.feed(call(0, arguments="}"))) == []


@pytest.mark.parametrize("arguments", ["path=a", "[1]", "7", '{"a":'])
def test_arguments_that_are_no_object_must_not_run(arguments: str) -> None:
    calls = Calls(())
    list(calls.feed(call(0, id=ID, name="ls", arguments=arguments)))
    (requested,) = calls.finish(is_cut=False)
    assert requested.call.arguments == arguments
    assert "JSON object" in requested.fault


def test_only_the_last_call_of_an_answer_is_cut_off() -> None:
    calls = Calls(())
    list(calls.feed(call(0, id=ID, name="ls", arguments="{")))
    list(calls.feed(call(1, id=OTHER, name="ls", arguments="{")))
    first, last = calls.finish(is_cut=True)
    assert "JSON object" in first.fault
    assert "cut off" in last.fault
