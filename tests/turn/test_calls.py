"""Turns with tool calls: run, told, shown, and never left without a result."""

from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
)
from acp_agent.conversation import AssistantMessage, ToolCall, ToolResult, UserMessage
from acp_agent.errors import BackendError
from acp_agent.tools.base import Outcome, Place
from acp_agent.turn.calls import CANCELLED
from acp_agent.turn.loop import REQUEST_LIMIT
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.talk import INTERRUPTED, Talk, said

pytestmark = pytest.mark.anyio

CALL = ToolCall("c1", "look", '{"at": "a.txt"}')
TOOLS = Model("m", "M", calls_tools=True)
RESULT = ToolResult("c1", "look", "seen")


def calling(*calls: ToolCall, fault: str = "") -> list[Event]:
    return [*(ToolCallRequested(call, fault) for call in calls), Done()]


def talk_with(backend: FakeBackend, *outcomes: Outcome | Exception | anyio.Event) -> Talk:
    return Talk(backend, tools=[FakeTool(outcomes=list(outcomes))])


async def test_a_call_is_run_and_the_model_goes_on() -> None:
    events = [ThoughtDelta("hm"), TextDelta("Let me look."), *calling(CALL)]
    backend = fake(events, saying("It is there."), models=[TOOLS])
    talk = talk_with(backend, Outcome("seen"))
    assert await talk.say("where?") == "end_turn"
    first, second = requests(backend)
    assert [tool.name for tool in first.tools] == ["look"]
    assert first.instructions == second.instructions != ""
    assert second.messages == (
        UserMessage("where?"),
        AssistantMessage("Let me look.", tool_calls=(CALL,)),
        RESULT,
    )
    assert talk.history[1:] == [
        AssistantMessage("Let me look.", "hm", (CALL,)),
        RESULT,
        said("It is there."),
    ]


async def test_a_call_is_shown_from_its_first_word_to_its_end() -> None:
    events = [ToolCallStarted("c1", "look"), *calling(CALL)]
    talk = talk_with(fake(events, saying("ok"), models=[TOOLS]), Outcome("seen"))
    await talk.say("where?")
    assert ToolCallStarted("c1", "look") in talk.output.events
    pending, running, done = talk.output.shown
    assert [pending.status, running.status, done.status] == ["pending", "in_progress", "completed"]
    assert pending.title == "Look at a.txt"
    assert pending.kind == "search"
    assert pending.arguments == {"at": "a.txt"}
    assert pending.places == (Place(str(Path("/a.txt"))),)
    assert (pending.text, done.text) == ("", "seen")


@pytest.mark.parametrize(
    ("call", "fault", "told"),
    [
        (ToolCall("c1", "nonesuch", "{}"), "", "There is no tool 'nonesuch'. There are: look."),
        (ToolCall("c1", "look", '{"at'), "It was cut off.", "It was cut off."),
        (ToolCall("c1", "look", '{"at'), "", "no JSON object"),
        (ToolCall("c1", "look", "[]"), "", "no JSON object"),
    ],
)
async def test_a_call_that_cannot_be_made_is_told_to_the_model(
    call: ToolCall, fault: str, told: str
) -> None:
    backend = fake(calling(call, fault=fault), saying("I see."), models=[TOOLS])
    talk = talk_with(backend)
    await talk.say("where?")
    result = requests(backend)[1].messages[-1]
    assert isinstance(result, ToolResult)
    assert result.failed
    assert told in result.text
    assert [call.status for call in talk.output.shown] == ["pending", "failed"]


@pytest.mark.parametrize(
    "outcome", [Outcome("no such file", failed=True), ValueError("a defect of ours")]
)
async def test_a_call_that_fails_does_not_end_the_turn(outcome: Outcome | Exception) -> None:
    backend = fake(calling(CALL), saying("I see."), models=[TOOLS])
    talk = talk_with(backend, outcome)
    assert await talk.say("where?") == "end_turn"
    result = talk.history[2]
    assert isinstance(result, ToolResult)
    assert result.failed
    assert "defect" not in result.text
    assert talk.output.shown[-1].status == "failed"


async def test_after_a_cancel_every_call_has_a_result() -> None:
    other = ToolCall("c2", "look", "{}")
    third = ToolCall("c3", "look", "{}")
    backend = fake(calling(CALL, other, third), models=[TOOLS])
    talk = talk_with(backend, Outcome("seen"), anyio.Event())
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "where?")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert talk.history[2:] == [
        RESULT,
        ToolResult("c2", "look", CANCELLED, failed=True),
        ToolResult("c3", "look", CANCELLED, failed=True),
    ]
    assert talk.output.settled == 1


async def test_a_call_that_was_being_written_is_forgotten() -> None:
    events = [TextDelta("Let me"), ToolCallStarted("c1", "look"), BackendError("It broke.")]
    backend = fake(events, saying("ok"), models=[TOOLS])
    talk = talk_with(backend)
    with pytest.raises(BackendError):
        await talk.say("one")
    assert talk.history == [UserMessage("one"), said("Let me", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages[-1] == UserMessage(f"{INTERRUPTED}\n\ntwo")


async def test_the_number_of_requests_is_limited() -> None:
    scripts = [calling(CALL) for _ in range(REQUEST_LIMIT)]
    talk = talk_with(fake(*scripts, models=[TOOLS]), *[Outcome("seen")] * REQUEST_LIMIT)
    assert await talk.say("where?") == "max_turn_requests"
    assert "limit" in talk.output.notices[-1]
    assert talk.history[-1] == RESULT


async def test_a_model_without_tools_is_told_what_was_said_only() -> None:
    first = fake([TextDelta("Let me look."), *calling(CALL)], saying("There."), models=[TOOLS])
    second = fake(mode="two", models=[Model("other", "Other")])
    talk = Talk(first, second, tools=[FakeTool(outcomes=[Outcome("seen")])])
    await talk.say("where?")
    talk.session.mode = "two"
    await talk.say("thanks")
    (request,) = requests(second)
    assert request.tools == ()
    assert request.instructions == ""
    assert request.messages == (
        UserMessage("where?"),
        said("Let me look.\n\nThere."),
        UserMessage("thanks"),
    )
