"""What stays of a turn that was cut off, and what the next model is told."""

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Notice,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.conversation import ToolCall, UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow
from tests.protocol.backend import ended, fake, requests, saying
from tests.turn.talk import INTERRUPTED, Talk, said

pytestmark = pytest.mark.anyio


async def test_after_an_error_the_history_keeps_what_was_shown() -> None:
    backend = fake([TextDelta("half"), BackendError("It broke.")])
    talk = Talk(backend)
    with pytest.raises(BackendError, match="It broke"):
        await talk.say("one")
    assert talk.output.settled == 1
    assert talk.history == [UserMessage("one"), said("half", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages == (
        UserMessage("one"),
        said("half"),
        UserMessage(f"{INTERRUPTED}\n\ntwo"),
    )


async def test_a_prompt_that_failed_before_the_first_token_leaves_nothing() -> None:
    backend = fake([BackendError("It broke.")])
    talk = Talk(backend)
    with pytest.raises(BackendError):
        await talk.say("one")
    assert talk.history == []
    await talk.say("one")
    assert requests(backend)[1].messages == (UserMessage("one"),)


async def test_a_prompt_cancelled_before_the_first_token_goes_with_the_next() -> None:
    backend = fake([anyio.Event()])
    talk = Talk(backend)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "one")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert talk.history == [UserMessage("one")]
    await talk.say("two")
    assert requests(backend)[1].messages == (UserMessage("one\n\ntwo"),)


async def test_a_request_that_did_not_fit_is_cut_and_tried_again() -> None:
    overflow = ContextOverflow("9000 tokens, window 8192.")
    backend = fake(*(saying("x" * 300) for _ in range(4)), [overflow], [overflow], saying("ok"))
    talk = Talk(backend)
    for number in range(4):
        await talk.say(f"question {number}")
    await talk.say("last")
    lengths = [len(request.messages) for request in requests(backend)[4:]]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == 3
    assert requests(backend)[-1].messages[-1] == UserMessage("last")
    (notice,) = talk.output.notices
    assert "oldest messages" in notice


async def test_a_prompt_that_does_not_fit_alone_is_refused_and_forgotten() -> None:
    backend = fake(saying("fine"), *([ContextOverflow("Too long.")] for _ in range(9)))
    talk = Talk(backend)
    await talk.say("one")
    with pytest.raises(ContextOverflow, match="alone is too long"):
        await talk.say("very long")
    assert talk.history == [UserMessage("one"), said("fine")]


@pytest.mark.parametrize("window", [None, 8192])
async def test_a_prompt_that_is_refused_as_too_long_makes_nothing_be_left_out(
    window: int | None,
) -> None:
    backend = fake(
        *(saying("x" * 900) for _ in range(4)),
        *([saying("A summary.")] if window else [[ContextOverflow("Too long.")]]),
        [ContextOverflow("Too long.")],
        models=[Model("m", "M", context_size=window)],
    )
    talk = Talk(backend)
    for number in range(4):
        await talk.say(f"question {number}")
    with pytest.raises(ContextOverflow, match="alone is too long"):
        await talk.say("x" * 30_000)
    await talk.say("last")
    told = [f"question {number}" for number in range(4)]
    assert prompts_of(requests(backend)[-1]) == [*told, "last"]


async def test_what_is_left_out_is_said_also_where_the_model_answers_only_later() -> None:
    large = fake(*(saying("x" * 300) for _ in range(5)), mode="large")
    models = [Model("s", "S", context_size=600)]
    small = fake([BackendUnavailable("It is gone.")], mode="small", models=models)
    talk = Talk(large, small)
    for number in range(5):
        await talk.say(f"question {number}")
    talk.session.mode = "small"
    with pytest.raises(BackendUnavailable):
        await talk.say("last")
    assert not talk.output.notices
    await talk.say("short")
    (notice,) = talk.output.notices
    assert "are left out" in notice


@pytest.mark.parametrize("events", [[Done()], [ThoughtDelta("hm"), Done()]])
async def test_a_turn_without_a_word_says_so(events: list[Event]) -> None:
    talk = Talk(fake(events))
    assert await talk.say("one") == "end_turn"
    assert talk.output.notices == [
        "The model said nothing. Send the prompt again, or choose another model."
    ]


async def test_after_a_cancel_the_history_keeps_what_was_shown() -> None:
    backend = fake([ThoughtDelta("hm"), TextDelta("half"), anyio.Event()])
    talk = Talk(backend)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "one")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert ended(backend) == 1
    assert talk.output.settled == 1
    assert talk.history == [UserMessage("one"), said("half", "hm", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages[1:] == (
        said("half"),
        UserMessage(f"{INTERRUPTED}\n\ntwo"),
    )


async def test_a_refused_prompt_and_its_answer_are_forgotten() -> None:
    backend = fake(saying("fine"), [TextDelta("I cannot."), Done("refusal")])
    talk = Talk(backend)
    await talk.say("one")
    assert await talk.say("bad") == "refusal"
    await talk.say("three")
    assert requests(backend)[2].messages == (UserMessage("one"), said("fine"), UserMessage("three"))


async def test_an_answer_cut_at_its_limit_stays_as_it_is() -> None:
    talk = Talk(fake([TextDelta("long"), Done("max_tokens")]))
    assert await talk.say("one") == "max_tokens"
    assert talk.history[1] == said("long")


async def test_a_tool_call_is_told_to_the_user_and_not_kept() -> None:
    call = ToolCall("c1", "read", '{"path":"a"}')
    talk = Talk(fake([ToolCallRequested(call), Done()]))
    await talk.say("one")
    assert "tool read" in talk.output.notices[0]
    assert talk.history == [UserMessage("one")]


async def test_another_backend_gets_the_whole_conversation_without_thoughts() -> None:
    first = fake([ThoughtDelta("secret"), *saying("one says")], mode="one")
    second = fake(mode="two", models=[Model("other", "Other")])
    talk = Talk(first, second)
    await talk.say("a")
    talk.session.mode = "two"
    await talk.say("b")
    (request,) = requests(second)
    assert request.messages == (UserMessage("a"), said("one says"), UserMessage("b"))
    assert request.model == "other"
    assert not talk.output.notices
    assert talk.history[1] == said("one says", "secret")


def prompts_of(request: ModelRequest) -> list[str]:
    return [each.text for each in request.messages if isinstance(each, UserMessage)]


async def test_a_smaller_window_gets_the_latest_messages_and_the_user_a_notice() -> None:
    large = fake(*(saying("x" * 300) for _ in range(5)), mode="large")
    small = fake(saying("x" * 300), mode="small", models=[Model("s", "S", context_size=600)])
    talk = Talk(large, small)
    for number in range(5):
        await talk.say(f"question {number}")
    assert not talk.output.notices
    talk.session.mode = "small"
    await talk.say("last")
    (request,) = requests(small)
    # Half of three quarters of 600 holds the last prompt and one pair of about 120 tokens.
    assert prompts_of(request) == ["question 4", "last"]
    (notice,) = talk.output.notices
    assert notice.startswith("The 8 oldest messages of this session do not fit")
    assert "of s and are left out" in notice
    kinds = [type(event) for event in talk.output.events[-4:]]
    assert kinds == [Notice, TextDelta, Usage, Done]
    assert len(talk.history) == 12
    # What is left is told from there on until it does not fit either.
    await talk.say("again")
    assert prompts_of(requests(small)[1]) == ["question 4", "last", "again"]
    assert len(talk.output.notices) == 1
    await talk.say("x" * 900)
    assert prompts_of(requests(small)[2]) == ["x" * 900]
    assert len(talk.output.notices) == 2


async def test_a_model_that_only_thought_until_its_limit_is_told_so() -> None:
    talk = Talk(fake([ThoughtDelta("hm"), Done("max_tokens")]))
    assert await talk.say("one") == "max_tokens"
    assert talk.output.notices[0].startswith("The model reached its limit")
