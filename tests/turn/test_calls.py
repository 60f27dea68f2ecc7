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
from acp_agent.tools.base import Kind, Outcome, Place
from acp_agent.tools.shown import ShownText
from acp_agent.turn.calls import CANCELLED, CUT_OFF, MOST_CALLS, TOO_MANY
from acp_agent.turn.loop import REQUEST_LIMIT
from acp_agent.turn.output import ShownCall
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.fake_tool import FakeTool, Step
from tests.protocol.backend import fake, requests, saying
from tests.turn.output import FakeOutput
from tests.turn.talk import INTERRUPTED, Talk, said

pytestmark = pytest.mark.anyio

CALL = ToolCall("c1", "look", '{"at": "a.txt"}')
TOOLS = Model("m", "M", tools="native")
RESULT = ToolResult("c1", "look", "seen")


def calling(*calls: ToolCall, fault: str = "") -> list[Event]:
    return [*(ToolCallRequested(call, fault) for call in calls), Done()]


def talk_with(backend: FakeBackend, *outcomes: Step) -> Talk:
    return Talk(backend, tools=[FakeTool(outcomes=list(outcomes))])


async def test_a_call_is_run_and_the_model_goes_on() -> None:
    events = [ThoughtDelta("hm"), TextDelta("Let me look."), *calling(CALL)]
    backend = fake(events, saying("It is there."), models=[TOOLS])
    talk = talk_with(backend, Outcome("seen"))
    assert await talk.say("where?") == "end_turn"
    first, second = requests(backend)
    assert [tool.name for tool in first.tools] == ["look"]
    assert first.instructions == second.instructions != ""
    assert second.messages[1:] == (
        AssistantMessage("Let me look.", tool_calls=(CALL,)),
        RESULT,
    )
    assert first.messages == second.messages[:1]
    assert first.messages[0].text.endswith("\n\nwhere?")
    assert talk.history[1:] == [
        AssistantMessage("Let me look.", "hm", (CALL,)),
        RESULT,
        said("It is there."),
    ]


async def test_a_call_is_shown_from_its_first_word_to_its_end() -> None:
    events = [ToolCallStarted("c1", "look"), *calling(CALL)]
    talk = talk_with(fake(events, saying("ok"), models=[TOOLS]), Outcome("seen"))
    await talk.say("where?")
    written, pending, prepared, running, done = talk.output.shown
    states = ["pending", "pending", "pending", "in_progress", "completed"]
    assert talk.output.statuses("c1") == states
    assert (written.title, written.kind, written.arguments) == ("Look at it", "search", None)
    assert pending.title == "Look at a.txt"
    assert pending.kind == "search"
    assert pending.arguments == {"at": "a.txt"}
    assert prepared.places == running.places == (Place(str(Path("/a.txt"))),)
    assert (pending.content, done.content) == ((), (ShownText("seen"),))


async def test_a_call_to_no_tool_is_shown_by_its_name() -> None:
    talk = talk_with(fake([ToolCallStarted("c1", "nonesuch"), Done()], models=[TOOLS]))
    await talk.say("where?")
    assert talk.output.shown == [ShownCall("c1", "nonesuch")]


async def test_a_call_that_comes_whole_is_shown_while_the_answer_goes_on() -> None:
    gate = anyio.Event()
    steps: list[Event | anyio.Event] = [ToolCallRequested(CALL), gate]
    backend = fake(steps, models=[TOOLS])
    talk = talk_with(backend)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.say, "where?")
        await anyio.wait_all_tasks_blocked()
        assert [call.title for call in talk.output.shown] == ["Look at a.txt"]
        tasks.cancel_scope.cancel()


async def test_all_calls_of_an_answer_are_shown_before_the_first_is_run() -> None:
    second = ToolCall("c2", "look", '{"at": "b.txt"}')
    backend = fake(calling(CALL, second), saying("ok"), models=[TOOLS])
    tool = FakeTool(kind="edit", outcomes=[Outcome("seen"), Outcome("seen")])
    talk = Talk(backend, tools=[tool])
    await talk.say("where?")
    first = [(call.title, call.status) for call in talk.output.shown[:2]]
    assert first == [("Look at a.txt", "pending"), ("Look at b.txt", "pending")]


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
    tool = FakeTool(kind="edit", outcomes=[Outcome("seen"), anyio.Event()])
    talk = Talk(backend, tools=[tool])
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "where?")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert talk.history[2:] == [
        RESULT,
        ToolResult("c2", "look", CUT_OFF, failed=True),
        ToolResult("c3", "look", CANCELLED, failed=True),
    ]
    assert talk.output.settled == 1


async def test_a_cancel_after_the_work_does_not_deny_it() -> None:
    done = anyio.Event()

    class SlowOutput(FakeOutput):
        async def show(self, call: ShownCall) -> None:
            if call.status == "completed":
                done.set()
                await anyio.sleep_forever()
            await super().show(call)

    talk = talk_with(fake(calling(CALL), models=[TOOLS]), Outcome("written"))
    talk.output = SlowOutput()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "write")
            await done.wait()
            tasks.cancel_scope.cancel()
    assert talk.history[2] == ToolResult("c1", "look", CUT_OFF, failed=True)


@pytest.mark.parametrize("kind", ["edit", "read"])
async def test_the_calls_of_one_answer_are_limited(kind: Kind) -> None:
    many = [ToolCall(f"c{number}", "look", "{}") for number in range(MOST_CALLS + 2)]
    backend = fake(calling(*many), models=[TOOLS])
    tool = FakeTool(kind=kind, outcomes=[Outcome(f"{number}") for number in range(len(many))])
    talk = Talk(backend, tools=[tool])
    await talk.say("where?")
    assert len(tool.calls) == MOST_CALLS
    results = [message for message in talk.history if isinstance(message, ToolResult)]
    assert [result.text == TOO_MANY for result in results] == [False] * MOST_CALLS + [True] * 2
    assert talk.output.statuses(many[-1].id) == ["pending", "failed"]


async def test_a_call_that_was_being_written_is_forgotten() -> None:
    events = [TextDelta("Let me"), ToolCallStarted("c1", "look"), BackendError("It broke.")]
    backend = fake(events, saying("ok"), models=[TOOLS])
    talk = talk_with(backend)
    with pytest.raises(BackendError):
        await talk.say("one")
    assert talk.history == [UserMessage("one"), said("Let me", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages[-1] == UserMessage(f"{INTERRUPTED}\n\ntwo")


async def test_after_calls_a_silent_end_is_no_reason_to_send_the_prompt_again() -> None:
    talk = talk_with(fake(calling(CALL), [Done()], models=[TOOLS]), Outcome("seen"))
    await talk.say("where?")
    (notice,) = talk.output.notices
    assert notice.startswith("The model ended without a word")


async def test_the_number_of_requests_is_limited() -> None:
    scripts = [calling(CALL) for _ in range(REQUEST_LIMIT)]
    outcomes = [Outcome(f"seen {number}") for number in range(REQUEST_LIMIT)]
    talk = talk_with(fake(*scripts, models=[TOOLS]), *outcomes)
    assert await talk.say("where?") == "max_turn_requests"
    assert "limit" in talk.output.notices[-1]
    assert talk.history[-1] == ToolResult("c1", "look", f"seen {REQUEST_LIMIT - 1}")


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
