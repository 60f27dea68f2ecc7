"""Questions to the user: only an answer that was offered is one, and nothing else is a yes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from acp_agent.errors import AgentError
from acp_agent.permissions import Option
from acp_agent.protocol.output import SessionOutput
from acp_agent.tools.base import Place
from acp_agent.tools.shown import ShownDiff
from acp_agent.turn.output import ShownCall
from tests.protocol.editor import NEVER, EditorClient, Refusal, editor_with_peer

pytestmark = pytest.mark.anyio

PERMISSION, FORM = "session/request_permission", "elicitation/create"
OPTIONS = (Option("yes", "Allow", "allow_once"), Option("no", "Reject", "reject_always"))
DIFF = ShownDiff("/a.txt", "old", "new")
CALL = ShownCall(
    "c1", "Edit a.txt", "edit", "pending", {"path": "a.txt"}, (Place("/a.txt", 3),), (DIFF,)
)


def chosen(option: Any) -> dict[str, Any]:
    return {"outcome": {"outcome": "selected", "optionId": option}}


@asynccontextmanager
async def opened(*, has_forms: bool = True) -> AsyncGenerator[tuple[EditorClient, SessionOutput]]:
    async with editor_with_peer() as (editor, peer):
        yield editor, SessionOutput(peer, "s1", has_forms=has_forms)


async def test_the_question_shows_the_whole_call_behind_its_reason() -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = chosen("yes")
        await output.show(CALL)
        assert await output.ask_call(CALL, OPTIONS, "It is outside the project.") == "yes"
        (shown,) = editor.updates("tool_call")
    assert editor.params(PERMISSION) == [
        {
            "sessionId": "s1",
            "toolCall": {
                "toolCallId": shown["toolCallId"],
                "title": "Edit a.txt",
                "kind": "edit",
                "status": "pending",
                "content": [
                    {
                        "type": "content",
                        "content": {"type": "text", "text": "It is outside the project."},
                    },
                    {"type": "diff", "path": "/a.txt", "oldText": "old", "newText": "new"},
                ],
                "locations": [{"path": "/a.txt", "line": 3}],
                "rawInput": {"path": "a.txt"},
            },
            "options": [
                {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
                {"optionId": "no", "name": "Reject", "kind": "reject_always"},
            ],
        }
    ]


@pytest.mark.parametrize("reason", ["Why.", ""])
async def test_the_reason_goes_when_the_call_goes_on(reason: str) -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = chosen("yes")
        await output.show(CALL)
        await output.ask_call(CALL, OPTIONS, reason)
        await output.show(replace(CALL, status="in_progress"))
        update = await editor.update("tool_call_update")
    assert update["status"] == "in_progress"
    if reason:
        assert [each["type"] for each in update["content"]] == ["diff"]
    else:
        assert "content" not in update


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (chosen("yes"), "yes"),
        (chosen("no"), "no"),
        (chosen("always"), None),
        (chosen(""), None),
        (chosen(None), None),
        (chosen(True), None),
        ({"outcome": {"outcome": "cancelled"}}, None),
        ({"outcome": {"outcome": "cancelled", "optionId": "yes"}}, None),
        ({"outcome": {"outcome": "postponed", "optionId": "yes"}}, None),
        ({"outcome": {"optionId": "yes"}}, None),
        ({"outcome": "selected", "optionId": "yes"}, None),
        ({"outcome": {"outcome": "selected"}}, None),
        ({}, None),
        (None, None),
        ([], None),
        (Refusal(), None),
        (Refusal(-32601, "Method not found"), None),
    ],
)
async def test_only_an_offered_option_is_an_answer(answer: Any, expected: str | None) -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = answer
        await output.show(CALL)
        assert await output.ask_call(CALL, OPTIONS, "") == expected


async def test_a_cancelled_question_is_withdrawn_and_the_call_ends() -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = NEVER
        await output.show(CALL)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(output.ask_call, CALL, OPTIONS, "Why.")
            await editor.asked(PERMISSION)
            tasks.cancel_scope.cancel()
        await output.settle()
        ended = await editor.update("tool_call_update")
    assert editor.withdrawn == [PERMISSION]
    assert ended["status"] == "failed"
    assert not [each for each in editor.updates() if each.get("status") == "in_progress"]


@pytest.mark.parametrize("choices", [("red", "blue"), ()])
async def test_a_form_asks_for_one_text(choices: tuple[str, ...]) -> None:
    async with opened() as (editor, output):
        assert output.can_ask_user
        editor.answers[FORM] = {"action": "accept", "content": {"answer": "blue"}}
        assert await output.ask_user("Which colour?", choices) == "blue"
    (params,) = editor.params(FORM)
    assert (params["mode"], params["sessionId"]) == ("form", "s1")
    assert params["message"] == "Which colour?"
    schema = params["requestedSchema"]
    field = {"type": "string", "title": "Your answer"}
    field |= {"enum": ["red", "blue"]} if choices else {}
    assert schema == {"type": "object", "properties": {"answer": field}, "required": ["answer"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "decline", "content": {"answer": "red"}},
        {"action": "later", "content": {"answer": "red"}},
        {"action": "accept"},
        {"action": "accept", "content": {"answer": "green"}},
        {"action": "accept", "content": {"answer": 5}},
    ],
)
async def test_a_form_without_an_offered_answer_has_none(answer: Any) -> None:
    async with opened() as (editor, output):
        editor.answers[FORM] = answer
        assert await output.ask_user("Which colour?", ("red", "blue")) is None


@pytest.mark.parametrize("answer", [{"action": "accept", "content": []}, {}, None, Refusal()])
async def test_an_error_is_not_the_users_no(answer: Any) -> None:
    async with opened() as (editor, output):
        editor.answers[FORM] = answer
        with pytest.raises(AgentError):
            await output.ask_user("Which colour?", ("red", "blue"))


async def test_an_empty_answer_is_none() -> None:
    async with opened() as (editor, output):
        editor.answers[FORM] = {"action": "accept", "content": {"answer": " \n"}}
        assert await output.ask_user("Which colour?", ()) is None


async def test_a_client_without_forms_is_not_asked() -> None:
    async with opened(has_forms=False) as (editor, output):
        assert not output.can_ask_user
        assert await output.ask_user("Which colour?", ()) is None
    assert editor.methods == []
