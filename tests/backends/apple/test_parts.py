"""Snapshots, spelling and schema of the apple backend, without any SDK."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.backends.apple.schema import spell_schema
from acp_agent.backends.apple.sdk import MODEL_ID
from acp_agent.backends.apple.snapshots import Pieces
from acp_agent.backends.apple.spelling import spell, transcript_of
from acp_agent.backends.base import ModelRequest
from acp_agent.conversation import AssistantMessage, Message, ToolResult, UserMessage
from acp_agent.routing.generate import generate_schema


def told(*snapshots: str) -> list[str]:
    pieces = Pieces()
    return [*map(pieces.take, snapshots), pieces.finish()]


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        (("a", "ab", "ab", "abc"), ["a", "b", "", "c", ""]),
        (("ab\ufffd", "ab\ufffd\ufffd", "abé"), ["ab", "", "é", ""]),
        (("ab\ufffd",), ["ab", "\ufffd"]),
        (("abc", "ab", "abcd"), ["abc", "", "d", ""]),
        (("done. ", "done.", "done. So"), ["done. ", "", "So", ""]),
        (("done. \n", "done. So"), ["done. \n", "So", ""]),
        (("The cat sat", "A cat sat on"), ["The cat sat", " on", ""]),
        (("no no no no", "A no no no no, yes"), ["no no no no", ", yes", ""]),
        (("quite", "other"), ["quite", "\n\nother", ""]),
        (
            ("one cat sat", f"A cat sat {'x' * 99} cat sat"),
            ["one cat sat", f" {'x' * 99} cat sat", ""],
        ),
        ((), [""]),
    ],
)
def test_pieces_of_snapshots(snapshots: tuple[str, ...], expected: list[str]) -> None:
    assert told(*snapshots) == expected


@settings(max_examples=40)
@given(st.text(), st.lists(st.integers(0, 40)))
def test_growing_snapshots_make_the_whole(text: str, ends: list[int]) -> None:
    snapshots = [text[:end] for end in sorted(ends)]
    assert "".join(told(*snapshots, text)) == text


def request(*messages: Message, prompt: str = "", instructions: str = "") -> ModelRequest:
    return ModelRequest(messages, MODEL_ID, prompt=prompt, instructions=instructions)


def test_neighbours_of_one_side_are_joined() -> None:
    spelled = spell(
        request(
            UserMessage("a"),
            AssistantMessage("b"),
            ToolResult("1", "read", "no"),
            AssistantMessage("c"),
            UserMessage("d"),
            UserMessage("e"),
        )
    )
    assert spelled.earlier == (("user", "a"), ("response", "b\n\nc"))
    assert spelled.prompt == "d\n\ne"


def test_prompt_is_never_missing() -> None:
    assert spell(request(UserMessage("a"), AssistantMessage("b"))).prompt == "Go on."
    assert spell(request(prompt="a")).prompt == "a"


def test_text_that_the_sdk_cannot_pass_on_is_replaced() -> None:
    assert spell(request(UserMessage("a\0b\ud800c"), instructions="\0")) == spell(
        request(UserMessage("a\ufffdb?c"), instructions="\ufffd")
    )


def test_entries_of_a_transcript_have_ids_of_their_own() -> None:
    spelled = spell(request(UserMessage("a"), AssistantMessage("b"), UserMessage("c")))
    entries = transcript_of(spelled)["transcript"]["entries"]
    ids = [entry["id"] for entry in entries] + [entry["contents"][0]["id"] for entry in entries]
    assert len(set(ids)) == 4
    assert [sorted(entry) for entry in entries] == [
        ["contents", "id", "options", "role"],
        ["assets", "contents", "id", "role"],
    ]


def test_every_object_of_a_schema_says_its_order() -> None:
    inner = {"type": "object", "properties": {"b": {"const": 1}, "a": {"type": ["null", "string"]}}}
    schema = {
        "$defs": {"Inner": inner},
        "type": "object",
        "properties": {"one": {"$ref": "#/$defs/Inner"}, "many": {"type": "array", "items": inner}},
        "required": ["one"],
    }
    spelled = spell_schema(schema)
    assert spelled["x-order"] == ["one", "many"]
    assert spelled["required"] == ["one"]
    assert spelled["$defs"]["Inner"] == {
        "type": "object",
        "title": "Inner",
        "properties": {"b": {"enum": [1]}, "a": {"type": "string"}},
        "required": [],
        "x-order": ["b", "a"],
        "additionalProperties": False,
    }
    assert spelled["properties"]["many"]["items"]["title"] == "ManyItem"


def test_what_apple_cannot_say_is_left_out() -> None:
    spelled = spell_schema(generate_schema())
    assert spelled["properties"]["workspace_root"]["type"] == "string"
    assert set(spelled["properties"]["user_prompt"]) <= {"type", "description"}
    assert spell_schema({"anyOf": [{"type": "string"}, {"type": "integer"}]}) == {
        "anyOf": [{"type": "string"}, {"type": "integer"}]
    }
