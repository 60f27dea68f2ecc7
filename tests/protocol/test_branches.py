"""Delegations on the wire: marked with their source, apart from each other, never late."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import (
    Notice,
    Plan,
    Progress,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.conversation import PlanStep
from acp_agent.permissions import Option
from acp_agent.protocol.output import SessionOutput
from acp_agent.turn.output import ShownCall, Source
from tests.protocol.editor import NEVER, EditorClient, editor_with_peer
from tests.protocol.test_output import behind, cancel
from tests.rpc.connection import LIMIT

pytestmark = pytest.mark.anyio

PERMISSION, FORM = "session/request_permission", "elicitation/create"
OPTIONS = (Option("yes", "Allow", "allow_once"), Option("no", "Reject", "reject_once"))
USAGE = Usage(10, 5, 4096)
DELEGATION = ShownCall("d1", "gptoss.generate", status="in_progress")
SECOND = ShownCall("d2", "gptoss.generate", status="in_progress")


def source(call: str = "d1") -> Source:
    return Source("gptoss_20b", "big", call)


def source_of(update: dict[str, Any]) -> dict[str, Any] | None:
    return update.get("_meta", {}).get("acp-agent", {}).get("source")


async def delegate(output: SessionOutput, call: ShownCall = DELEGATION) -> SessionOutput:
    """Shows ``call`` and opens its branch."""
    await output.show(call)
    return output.branch(source(call.id))


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[EditorClient, SessionOutput]]:
    async with editor_with_peer() as (editor, peer):
        yield editor, SessionOutput(peer, "s1", has_forms=True)


async def test_what_a_delegation_writes_carries_its_source() -> None:
    async with behind() as client:
        branch = await delegate(client.output)
        await branch.emit(TextDelta("a \N{GRINNING FACE}\n"))
        await branch.emit(ThoughtDelta("b"))
        await branch.emit(Notice("c"))
        await branch.emit(Plan((PlanStep("d"),)))
        await branch.emit(Progress("load", "Loading"))
        await branch.show(ShownCall("c1", "look"))
        shown, *written = await client.read()
    assert source_of(shown) is None
    about = {"mode": "gptoss_20b", "model": "big", "toolCallId": shown["toolCallId"]}
    assert [source_of(update) for update in written] == [about] * 6
    assert written[0]["content"]["text"] == "a \N{GRINNING FACE}\n"
    assert written[2]["_meta"]["acp-agent"]["notice"] is True


async def test_a_call_that_is_not_shown_is_not_named() -> None:
    async with behind() as client:
        await client.output.branch(source("unseen")).emit(TextDelta("a"))
        (chunk,) = await client.read()
    assert source_of(chunk) == {"mode": "gptoss_20b", "model": "big"}


async def test_messages_of_parent_and_branches_are_apart() -> None:
    async with behind() as client:
        output = client.output
        await output.emit(TextDelta("before"))
        branch = await delegate(output)
        other = await delegate(output, SECOND)
        for each in (branch, other, branch, other):
            await each.emit(TextDelta("in"))
        await output.show(ShownCall("d1", "gptoss.generate", status="completed"))
        await output.emit(TextDelta("after"))
        chunks = [update for update in await client.read() if "messageId" in update]
    before, first, second, third, fourth, after = (chunk["messageId"] for chunk in chunks)
    assert (first, second) == (third, fourth)
    assert len({before, first, second, after}) == 4


async def test_a_branch_has_new_messages_after_a_call_of_its_own() -> None:
    async with behind() as client:
        branch = await delegate(client.output)
        await branch.emit(TextDelta("a"))
        await branch.show(ShownCall("c1", "look", status="completed"))
        await branch.emit(TextDelta("b"))
        first, second = (each for each in await client.read() if "messageId" in each)
    assert first["messageId"] != second["messageId"]
    assert source_of(first) == source_of(second) is not None


async def test_equal_ids_in_two_branches_are_two_calls_and_two_steps() -> None:
    async with behind() as client:
        one, two = await delegate(client.output), await delegate(client.output, SECOND)
        for branch in (one, two):
            await branch.show(ShownCall("c1", "look"))
            await branch.emit(Progress("load", "Loading"))
        await two.show(ShownCall("c1", "look", status="completed"))
        await two.emit(Progress("load", "Loading", finished=True))
        updates = (await client.read())[2:]
    calls = {update["toolCallId"] for update in updates}
    assert len(calls) == 4
    ended = [update["toolCallId"] for update in updates if update.get("status") == "completed"]
    assert ended == [updates[2]["toolCallId"], updates[3]["toolCallId"]]


@pytest.mark.parametrize(("counts", "nested", "told"), [(True, True, 2), (True, False, 1)])
async def test_what_is_used_of_a_window_is_told_where_it_counts(
    counts: bool, nested: bool, told: int
) -> None:
    async with behind() as client:
        branch = client.output.branch(source(), counts=counts)
        await branch.emit(USAGE)
        await branch.branch(source(), counts=nested).emit(USAGE)
        await client.output.branch(source()).branch(source(), counts=True).emit(USAGE)
        assert len(await client.read()) == told


async def test_settling_the_parent_ends_branches_for_good() -> None:
    async with behind() as client:
        branch = await delegate(client.output)
        inner = branch.branch(source())
        for each in (branch, inner):
            await each.show(ShownCall("c1", "look"))
        await client.fill()
        await client.output.settle()
        with anyio.fail_after(LIMIT):
            for each in (branch, inner, inner.branch(source())):
                await emit_everything(each)
        *_, first, second, third = updates = await client.read()
    assert len(updates) == 6
    assert {update["toolCallId"] for update in (first, second, third)} == {
        update["toolCallId"] for update in updates[:3]
    }
    assert [update["status"] for update in (first, second, third)] == ["failed"] * 3


async def emit_everything(output: SessionOutput) -> None:
    await output.emit(TextDelta("late"))
    await output.emit(Notice("late"))
    await output.show(ShownCall("c2", "late"))
    assert await output.ask("May I?", "") is False
    assert await output.ask_call(ShownCall("c1", "late"), OPTIONS, "") is None
    assert await output.ask_user("Which?", ()) is None
    await output.settle()


async def test_a_settled_parent_may_go_on_and_so_may_a_branch_that_settled_itself() -> None:
    async with behind() as client:
        branch = await delegate(client.output)
        await branch.show(ShownCall("c1", "look"))
        await branch.settle()
        await branch.emit(Notice("The model said nothing."))
        await branch.show(ShownCall("c1", "look"))
        await client.output.settle()
        await client.output.emit(TextDelta("on"))
        updates = await client.read()
    first, second = (update["toolCallId"] for update in updates if update.get("title") == "look")
    assert first != second
    assert updates[-1]["content"]["text"] == "on"


async def test_an_event_that_a_cancel_cut_off_does_not_arrive() -> None:
    async with behind() as client:
        branch = await delegate(client.output)
        await client.fill()
        await cancel(branch.emit(TextDelta("late")))
        await client.output.settle()
        shown, ended = await client.read()
    assert (ended["toolCallId"], ended["status"]) == (shown["toolCallId"], "failed")


async def test_a_dropped_event_lets_a_cancel_in() -> None:
    async with behind() as client:
        branch = client.output.branch(source())
        await client.output.settle()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await branch.emit(TextDelta("late"))
        assert scope.cancelled_caught
        with anyio.CancelScope() as scope:
            scope.cancel()
            await branch.show(DELEGATION)
        assert scope.cancelled_caught


async def test_the_user_is_asked_one_question_at_a_time() -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = NEVER
        editor.answers[FORM] = {"action": "accept", "content": {"answer": "blue"}}
        one, two = await delegate(output), await delegate(output, SECOND)
        call = ShownCall("c1", "look")
        await one.show(call)
        answers: list[str | None] = []

        async def ask_call() -> None:
            answers.append(await one.ask_call(call, OPTIONS, "Why."))

        async def ask_user() -> None:
            answers.append(await two.branch(source()).ask_user("Which?", ()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_call)
            await editor.asked(PERMISSION)
            tasks.start_soon(ask_user)
            await anyio.wait_all_tasks_blocked()
            assert FORM not in editor.methods
            chosen = {"outcome": {"outcome": "selected", "optionId": "yes"}}
            editor.reply(editor.open(PERMISSION), chosen)
        assert answers == ["yes", "blue"]
        (question,) = editor.params(PERMISSION)
        (shown,) = (each for each in editor.updates("tool_call") if each["title"] == "look")
    assert source_of(question["toolCall"]) == source_of(shown) is not None


async def test_a_question_that_waits_is_not_asked_once_the_parent_has_settled() -> None:
    async with opened() as (editor, output):
        editor.answers[PERMISSION] = NEVER
        branch = await delegate(output)
        allowed: list[bool] = []

        async def ask() -> None:
            allowed.append(await branch.ask("Install", ""))

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as waiting, anyio.create_task_group() as asking:
                asking.start_soon(output.ask, "Install", "")
                await editor.asked(PERMISSION)
                waiting.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                await output.settle()
                asking.cancel_scope.cancel()
        assert allowed == [False]
    assert editor.methods.count(PERMISSION) == 1
