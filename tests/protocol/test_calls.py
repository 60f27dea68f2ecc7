"""A model's tool calls as the editor sees them."""

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    TextDelta,
    ToolCallRequested,
    ToolCallStarted,
)
from acp_agent.conversation import ToolCall
from acp_agent.tools.base import Outcome
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, saying
from tests.protocol.client import serving

pytestmark = pytest.mark.anyio

TOOLS = Model("m", "M", tools="native")
CALL = ToolCall("c1", "look", '{"at": "a.txt"}')
CALLING: list[Event] = [
    TextDelta("Let me look."),
    ToolCallStarted("c1", "look"),
    ToolCallRequested(CALL),
    Done(),
]


async def test_a_call_goes_from_pending_to_completed() -> None:
    backend = fake(CALLING, saying("There."), models=[TOOLS])
    async with serving(backend, tools=[FakeTool(outcomes=[Outcome("seen")])]) as client:
        session = await client.new_session()
        assert await client.prompt(session) == "end_turn"
    (shown,) = client.updates("tool_call")
    written, checked, running, done = client.updates("tool_call_update")
    call_id = shown["toolCallId"]
    assert shown == {
        "sessionUpdate": "tool_call",
        "toolCallId": call_id,
        "title": "Look at it",
        "kind": "search",
        "status": "pending",
    }
    assert {update["toolCallId"] for update in (written, checked, running, done)} == {call_id}
    assert written["title"] == "Look at a.txt"
    assert "kind" not in written
    assert written["rawInput"] == {"at": "a.txt"}
    assert checked["locations"] == [{"path": "/a.txt"}]
    assert "status" not in written | checked
    assert running["status"] == "in_progress"
    assert "rawInput" not in running
    assert done["status"] == "completed"
    assert done["content"][0]["content"]["text"] == "seen"


async def test_a_call_that_comes_whole_is_shown_whole_at_once() -> None:
    backend = fake([ToolCallRequested(CALL), Done()], saying("There."), models=[TOOLS])
    async with serving(backend, tools=[FakeTool(outcomes=[Outcome("seen")])]) as client:
        session = await client.new_session()
        await client.prompt(session)
    (shown,) = client.updates("tool_call")
    assert (shown["title"], shown["kind"]) == ("Look at a.txt", "search")
    assert shown["rawInput"] == {"at": "a.txt"}
    assert "status" not in client.updates("tool_call_update")[0]


async def test_text_after_a_call_is_another_message() -> None:
    backend = fake(CALLING, saying("There."), models=[TOOLS])
    async with serving(backend, tools=[FakeTool(outcomes=[Outcome("seen")])]) as client:
        session = await client.new_session()
        await client.prompt(session)
    before, after = client.updates("agent_message_chunk")
    assert before["messageId"] != after["messageId"]


async def test_the_same_id_again_is_another_call() -> None:
    backend = fake(CALLING, CALLING, saying("There."), models=[TOOLS])
    outcomes = [Outcome("seen"), Outcome("gone", failed=True)]
    async with serving(backend, tools=[FakeTool(outcomes=[*outcomes])]) as client:
        session = await client.new_session()
        await client.prompt(session)
    first, second = client.updates("tool_call")
    assert first["toolCallId"] != second["toolCallId"]
    ends = {
        update["toolCallId"]: update["status"]
        for update in client.updates("tool_call_update")
        if "content" in update
    }
    assert ends == {first["toolCallId"]: "completed", second["toolCallId"]: "failed"}


@pytest.mark.parametrize("while_running", [True, False])
async def test_a_cancelled_call_ends_as_failed(while_running: bool) -> None:
    gate = anyio.Event()
    stuck: list[Event | anyio.Event] = [ToolCallStarted("c1", "look"), anyio.Event()]
    backend = fake(CALLING if while_running else stuck, models=[TOOLS])
    async with serving(backend, tools=[FakeTool(outcomes=[gate])]) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session, "where?")
        await anyio.wait_all_tasks_blocked()
        client.notify("session/cancel", {"sessionId": session})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
    (shown,) = client.updates("tool_call")
    last = client.updates("tool_call_update")[-1]
    assert last["toolCallId"] == shown["toolCallId"]
    assert last["status"] == "failed"
