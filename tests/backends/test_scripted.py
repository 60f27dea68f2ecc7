"""Mode ``scripted``: every command's exact output, and prose that is echoed."""

from contextlib import aclosing

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Plan,
    PlanStep,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.backends.scripted import ScriptedBackend, parse
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import BackendError

pytestmark = pytest.mark.anyio

WINDOW = 32_768


async def play(*prompts: str) -> list[Event]:
    """The events of a request whose user messages are ``prompts``."""
    messages = [m for text in prompts for m in (UserMessage(text), AssistantMessage("say no"))]
    request = ModelRequest(messages[:-1], "scripted", prompt=prompts[-1] if prompts else "")
    async with aclosing(ScriptedBackend().stream(request)) as events:
        with anyio.fail_after(20):
            return [event async for event in events]


@pytest.mark.parametrize(
    ("program", "events"),
    [
        ("say hello", [TextDelta("hello")]),
        ("say  two  words ", [TextDelta("two  words")]),
        (r"say a\nb", [TextDelta("a\nb")]),
        ("think hm", [ThoughtDelta("hm")]),
        (r"think a\nb", [ThoughtDelta("a\nb")]),
        ("flood 3 5", [TextDelta("xxxxx")] * 3),
        ("flood 0 5", []),
        ("flood 5 0", []),
        ("slow 3 0", [TextDelta(".")] * 3),
        ("usage", [Usage(10, 10, WINDOW)]),
        ("usage 100 20", [Usage(100, 20, WINDOW)]),
        (
            "plan Read\nplan Write",
            [
                Plan((PlanStep("Read"),)),
                Plan((PlanStep("Read"), PlanStep("Write"))),
            ],
        ),
        ("think a\n\n  say b\n", [ThoughtDelta("a"), TextDelta("b")]),
        ("say a\r\nsay b\r\n", [TextDelta("a"), TextDelta("b")]),
    ],
)
async def test_a_program_plays_its_commands_in_order(program: str, events: list[Event]) -> None:
    assert await play(program) == [*events, Done("end_turn")]


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "refusal"])
async def test_stop_ends_the_turn_with_its_reason(reason: StopReason) -> None:
    assert await play(f"say a\nstop {reason}\nsay never") == [TextDelta("a"), Done(reason)]


async def test_fail_is_the_turns_error() -> None:
    request = ModelRequest([], "scripted", prompt="say a\nfail It broke.\\nTry again.")
    async with aclosing(ScriptedBackend().stream(request)) as events:
        assert await anext(events) == TextDelta("a")
        with pytest.raises(BackendError, match=r"^It broke\.\nTry again\.$"):
            await anext(events)


@pytest.mark.parametrize(
    "prose",
    [
        "What is the capital of France?",
        "say hello\nand then something else",
        "say",
        "think",
        "Say hello",
        "flood",
        "flood 3",
        "flood 3 x",
        "flood 3 -5",
        "flood 3 5 7",
        "flood \u0663 5",
        "slow 1.5 3",
        "usage 1",
        "stop",
        "stop now",
        "fail",
        "plan",
        "shout a",
    ],
)
async def test_what_is_no_program_is_echoed(prose: str) -> None:
    assert parse(prose) is None
    assert await play(prose) == [TextDelta(prose), Done()]


@pytest.mark.parametrize("blank", ["", " \n ", "\n"])
async def test_nothing_but_blank_lines_is_no_program(blank: str) -> None:
    assert parse(blank) is None


async def test_the_last_prompt_is_the_program() -> None:
    assert await play("say one", "say two") == [TextDelta("two"), Done()]


async def test_slow_waits_and_can_be_stopped() -> None:
    request = ModelRequest([], "scripted", prompt="slow 1 3600000")
    async with aclosing(ScriptedBackend().stream(request)) as events:
        with anyio.move_on_after(0.05) as scope:
            await anext(events)
        assert scope.cancelled_caught


async def test_it_is_always_ready_with_one_model() -> None:
    backend = ScriptedBackend()
    found = await backend.probe()
    assert found.ready
    assert found.default_model == "scripted"
    assert [(model.id, model.context_size) for model in found.models] == [("scripted", None)]
    await backend.aclose()
