"""What the model gets of a tool's text, and the guard against repetition."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.backends.base import Done, Event, Model, ToolCallRequested
from acp_agent.conversation import ToolCall, ToolResult
from acp_agent.tools.base import Outcome
from acp_agent.turn.results import STOP_AT, WARN_AT, Repeats, cap
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.talk import Talk

TOOLS = Model("m", "M", tools="native")


@given(st.text(), st.integers(min_value=40, max_value=200))
def test_a_capped_text_keeps_its_ends(text: str, limit: int) -> None:
    capped = cap(text, limit)
    if len(text.encode()) <= limit:
        assert capped == text
        return
    assert len(capped.encode()) <= limit + 80
    assert "bytes are left out" in capped
    assert capped[0] == text[0] or len(text[0].encode()) > 28
    assert capped[-1] == text[-1] or len(text[-1].encode()) > 12 or capped.endswith("\n")


def test_what_is_missing_is_counted() -> None:
    assert cap("a" * 100, 50).count("a") >= 50
    assert "50 bytes" in cap("a" * 100, 50)


def test_the_same_call_is_the_same_however_it_is_spelled() -> None:
    repeats = Repeats()
    result = ToolResult("c", "look", "seen")
    assert repeats.note(ToolCall("1", "look", '{"a": 1, "b": 2}'), result)[1] == 1
    assert repeats.note(ToolCall("2", "look", '{"b":2,"a":1}'), result)[1] == 2
    assert repeats.note(ToolCall("3", "look", '{"a": 2}'), result)[1] == 1
    for arguments in ("{broken", "[" * 100_000, '{"a": ' + "9" * 5_000 + "}"):
        assert repeats.note(ToolCall("4", "look", arguments), result)[1] == 1
        assert repeats.note(ToolCall("5", "look", arguments), result)[1] == 2


def test_another_result_is_another_call() -> None:
    repeats = Repeats()
    call = ToolCall("1", "look", "{}")
    for text in ("a", "b", "c", "d"):
        result, count = repeats.note(call, ToolResult("1", "look", text))
        assert (result.text, count) == (text, 1)


def looking() -> list[Event]:
    return [ToolCallRequested(ToolCall("c1", "look", "{}")), Done()]


@pytest.mark.anyio
async def test_a_model_in_circles_is_warned_and_then_stopped() -> None:
    backend = fake(*[looking() for _ in range(STOP_AT + 2)], models=[TOOLS])
    talk = Talk(backend, tools=[FakeTool(outcomes=[Outcome("seen")] * (STOP_AT + 2))])
    with anyio.fail_after(5):
        assert await talk.say("go") == "end_turn"
    assert len(requests(backend)) == STOP_AT
    results = [message for message in talk.history if isinstance(message, ToolResult)]
    assert ["this very call" in result.text for result in results] == [
        count >= WARN_AT for count in range(1, STOP_AT + 1)
    ]
    assert "same call 5 times" in talk.output.notices[-1]


@pytest.mark.anyio
async def test_the_count_begins_anew_with_each_turn() -> None:
    script = [looking(), looking(), saying("ok")]
    talk = Talk(
        fake(*script, *[looking(), looking(), saying("ok")], models=[TOOLS]),
        tools=[FakeTool(outcomes=[Outcome("seen")] * 4)],
    )
    await talk.say("one")
    await talk.say("two")
    results = [message for message in talk.history if isinstance(message, ToolResult)]
    assert all(result.text == "seen" for result in results)


@pytest.mark.anyio
async def test_the_same_command_after_each_edit_is_no_repetition() -> None:
    edit = [ToolCallRequested(ToolCall("c2", "change", "{}")), Done()]
    rounds = [script for _ in range(STOP_AT + 1) for script in (looking(), edit)]
    tools = [
        FakeTool(outcomes=[Outcome("seen")] * (STOP_AT + 1)),
        FakeTool("change", "edit", [Outcome(f"changed {n}") for n in range(STOP_AT + 1)]),
    ]
    talk = Talk(fake(*rounds, saying("ok"), models=[TOOLS]), tools=tools)
    assert await talk.say("go") == "end_turn"
    assert talk.output.notices == []
    assert not any("this very call" in message.text for message in talk.history)
