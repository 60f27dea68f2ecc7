"""What a tool call shows, as the editor reads it: each kind is what the SDK's models say."""

import json
from typing import Any

import pytest

from acp_agent.protocol import updates
from acp_agent.tools.base import Place
from acp_agent.tools.shown import Shown, ShownBlock, ShownDiff, ShownTerminal, ShownText
from acp_agent.turn.output import ShownCall
from tests.protocol.sdk import check_message


def sent(*shown: Shown) -> list[dict[str, Any]]:
    """The content of a call that shows ``shown``."""
    update = updates.call_shown(ShownCall("c", "Edit", content=shown), "call-1")
    message = json.loads(json.dumps(updates.notification("s1", update)))
    check_message(message)
    return message["params"]["update"].get("content", [])


def text(words: str) -> dict[str, Any]:
    return {"type": "content", "content": {"type": "text", "text": words}}


def test_text_diffs_and_terminals_keep_their_order() -> None:
    assert sent(
        ShownText("why"),
        ShownText(""),
        ShownDiff("/a.txt", "old", "new"),
        ShownDiff("/b.txt", None, ""),
        ShownTerminal("t1"),
    ) == [
        text("why"),
        {"type": "diff", "path": "/a.txt", "oldText": "old", "newText": "new"},
        {"type": "diff", "path": "/b.txt", "newText": ""},
        {"type": "terminal", "terminalId": "t1"},
    ]


BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": "hello"},
    {"type": "image", "data": "AA==", "mimeType": "image/png"},
    {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
    {"type": "resource_link", "name": "a", "uri": "file:///a", "size": 3, "mimeType": "text/plain"},
    {"type": "resource", "resource": {"uri": "file:///a", "text": "a"}},
    {"type": "resource", "resource": {"uri": "file:///a", "blob": "AA==", "mimeType": "x/y"}},
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block["type"])
def test_content_of_servers_is_passed_on_without_what_acp_does_not_have(
    block: dict[str, Any],
) -> None:
    hints = {"_meta": {"a": 1}, "annotations": {"audience": ["robots"]}, "icons": [{"src": "x"}]}
    given = {**block, **hints}
    if "resource" in block:
        given["resource"] = {**block["resource"], "_meta": {"b": 2}}
    assert sent(ShownBlock(given)) == [{"type": "content", "content": block}]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "image", "data": 5, "text": "a picture"}, "a picture"),
        ({"type": "image", "mimeType": "image/png"}, "[content of the type 'image'"),
        ({"type": "resource", "resource": {}}, "[content of the type 'resource'"),
        ({"type": "hologram", "text": "x"}, "x"),
        ({"type": ["a"]}, "[content of the type ['a']"),
        ({}, "[content of the type None"),
    ],
)
def test_what_an_editor_cannot_read_becomes_text(block: dict[str, Any], words: str) -> None:
    ((shown),) = sent(ShownBlock(block))
    assert shown["content"]["type"] == "text"
    assert shown["content"]["text"].startswith(words)


def changed(before: ShownCall, call: ShownCall) -> dict[str, Any]:
    message = updates.notification("s1", updates.call_changed(before, call, "call-1"))
    check_message(message)
    return message["params"]["update"]


def test_content_and_places_change_as_a_whole() -> None:
    places = (Place("/a.txt", 3), Place("/b.txt"))
    before = ShownCall("c", "Edit", content=(ShownText("a"),), places=places)
    same = changed(before, ShownCall("c", "New", content=(ShownText("a"),), places=places))
    assert set(same) == {"sessionUpdate", "toolCallId", "title"}
    none = changed(before, ShownCall("c", "Edit"))
    assert (none["content"], none["locations"]) == ([], [])
    other = changed(ShownCall("c", "Edit"), before)
    assert other["content"] == [text("a")]
    assert other["locations"] == [{"path": "/a.txt", "line": 3}, {"path": "/b.txt"}]


def test_arguments_are_shown_as_the_model_gave_them() -> None:
    arguments = {"path": "a.txt", "lines": [1, {"to": None}]}
    update = changed(ShownCall("c", "Edit"), ShownCall("c", "Edit", arguments=arguments))
    assert update["rawInput"] == arguments
