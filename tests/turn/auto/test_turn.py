"""Turns in mode ``auto``: who answers, how it is shown, what is logged."""

import anyio
import pytest

from acp_agent.backends.base import Done, Model, Notice, Progress, TextDelta, ThoughtDelta, Usage
from acp_agent.conversation import AssistantMessage, ToolResult, UserMessage
from acp_agent.sessions.session import Session
from acp_agent.tools.base import Toolbox
from acp_agent.turn.choice import Choice
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.auto.talk import (
    HEAVY,
    LIGHT,
    SMALL,
    AutoTalk,
    generates,
    ready,
    says,
    small_backend,
)

pytestmark = pytest.mark.anyio


async def test_a_light_prompt_is_answered_by_the_small_model() -> None:
    talk = AutoTalk()
    talk.small.script(*says("You ", "are welcome."), Usage(10, 5, 32_768))

    assert await talk.say(LIGHT) == "end_turn"

    assert talk.output.text == "You are welcome."
    assert not talk.output.branches
    assert not talk.large.streams
    record = talk.record
    assert not record.decision.delegate
    assert record.selected == record.effective == "ollama/tiny"
    assert record.outcome.stop_reason == "end_turn"
    assert (record.outcome.prompt_tokens, record.outcome.generated_tokens) == (10, 5)
    assert talk.session.mode == "auto"


async def test_a_heavy_prompt_is_delegated_under_a_call() -> None:
    talk = AutoTalk()
    talk.large.script(ThoughtDelta("hm"), *says("Done ", "so."), Usage(100, 20, 131_072))

    assert await talk.say(HEAVY) == "end_turn"

    record = talk.record
    assert record.decision.delegate
    assert record.selected == record.effective == "gptoss_20b/gpt-oss-20b"
    assert not talk.small.streams
    assert talk.output.text == ""
    [branch] = talk.output.branches
    assert branch.text == "Done so."
    assert branch.counts
    assert branch.source is not None
    assert (branch.source.mode, branch.source.model) == ("gptoss_20b", "gpt-oss-20b")
    first, last = talk.output.shown[0], talk.output.shown[-1]
    assert first.id == branch.source.call == last.id
    assert first.title.startswith("gptoss.generate: GPT-OSS 20B, ")
    assert first.arguments is not None
    assert first.arguments["reason"] == record.decision.reason
    assert first.status == "in_progress"
    assert last.status == "completed"
    assert "Done so." in talk.told(last.id)[-1]
    assert "20 tokens" in talk.told(last.id)[-1]
    assert talk.history == [
        UserMessage(HEAVY),
        AssistantMessage("Done so.", "hm"),
    ]
    assert talk.session.mode == "auto"


async def test_the_large_model_works_in_the_conversation_of_the_small_one() -> None:
    talk = AutoTalk()
    talk.small.script(*says("Hello."))
    await talk.say(LIGHT)
    await talk.say(HEAVY)

    request = talk.large.streams[0].request
    assert request is not None
    assert [message.text for message in request.messages[:2]] == [LIGHT, "Hello."]
    assert HEAVY in request.messages[-1].text


async def test_progress_is_shown_in_the_call() -> None:
    talk = AutoTalk()
    talk.large.script(
        Progress("load", "Loading gpt-oss-20b", 5, 10, "B"),
        Progress("load", "Loading gpt-oss-20b", 10, 10, "B", finished=True),
        *says("x"),
    )

    await talk.say(HEAVY)

    [branch] = talk.output.branches
    assert not any(isinstance(event, Progress) for event in branch.events)
    assert branch.source is not None
    assert "Loading gpt-oss-20b: 50 %" in talk.told(branch.source.call)


async def test_a_call_of_the_small_model_runs_in_a_conversation_of_its_own() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.small.script(*says("As above."))
    talk.large.script(*says("The large answer."), Usage(50, 7, 131_072))

    assert await talk.say(LIGHT) == "end_turn"

    [branch] = talk.output.branches
    assert branch.text == "The large answer."
    assert not branch.counts
    assert branch.source is not None
    assert branch.source.call == "c1"
    assert talk.output.text == "As above."
    assert talk.output.statuses("c1")[-1] == "completed"
    result = next(each for each in talk.history if isinstance(each, ToolResult))
    assert "answered the user directly" in result.text
    assert "The large answer." in result.text
    call, prompt = talk.log.records
    assert (call.origin, prompt.origin) == ("tool_call", "prompt")
    assert call.effective == "gptoss_20b/gpt-oss-20b"
    assert call.outcome.generated_tokens == 7
    assert prompt.effective == "ollama/tiny"
    assert talk.services.ended == [f"s1.{each.id}" for each in talk.calls()]
    assert [figure.model for figure in talk.figures] == ["gpt-oss-20b"]


async def test_the_part_is_told_with_the_whole() -> None:
    talk = AutoTalk()
    talk.small.script(*says("Hello."))
    await talk.say("Hi")
    talk.small.script(generates(HEAVY))
    await talk.say(LIGHT)

    request = talk.large.streams[0].request
    assert request is not None
    assert [message.text for message in request.messages[:2]] == ["Hi", "Hello."]
    last = request.messages[-1].text
    assert LIGHT in last
    assert HEAVY in last
    assert not any(tool.name.startswith("gptoss") for tool in request.tools)


async def test_both_spellings_of_the_tool_are_taken() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY, name="gptoss.generate"))
    await talk.say(LIGHT)
    assert len(talk.large.streams) == 1


async def test_the_small_model_is_offered_the_tool() -> None:
    talk = AutoTalk()
    await talk.say(LIGHT)
    request = talk.small.streams[0].request
    assert request is not None
    assert "gptoss_generate" in [tool.name for tool in request.tools]


async def test_thanks_are_answered_without_tools() -> None:
    talk = AutoTalk()
    await talk.say("Thanks!")
    request = talk.small.streams[0].request
    assert request is not None
    assert not request.tools


async def test_two_delegations_run_at_the_same_time() -> None:
    talk = AutoTalk()
    first, second = anyio.Event(), anyio.Event()
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    one = talk.large.script(*says("1"), first, *says("1"))
    two = talk.large.script(*says("2"), second, *says("2"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            await one.started.wait()
            await two.started.wait()
            second.set()
            await two.stopped.wait()
            first.set()

    assert sorted(branch.text for branch in talk.output.branches) == ["11", "22"]
    assert {talk.output.statuses(each)[-1] for each in ("c1", "c2")} == {"completed"}
    assert sorted(talk.services.ended) == sorted(f"s1.{each.id}" for each in talk.calls())


async def test_a_light_call_is_given_back() -> None:
    talk = AutoTalk()
    talk.small.script(generates("Say hello"))
    talk.small.script(*says("Hello."))

    await talk.say(LIGHT)

    assert not talk.large.streams
    result = next(each for each in talk.history if isinstance(each, ToolResult))
    assert result.failed
    assert "light enough" in result.text
    call, _ = talk.log.records
    assert not call.decision.delegate


async def test_greeting_and_notices_come_from_the_session() -> None:
    talk = AutoTalk()
    talk.session.greeting = "Welcome."
    await talk.say(HEAVY)
    assert talk.output.events[0] == Notice("Welcome.")
    assert talk.session.greeting is None


async def test_text_of_the_answer_is_streamed_once() -> None:
    talk = AutoTalk()
    talk.large.script(*says("a", "b"))
    await talk.say(HEAVY)
    texts = [each for each in talk.output.events if isinstance(each, TextDelta)]
    assert texts == []


async def test_a_model_that_is_a_folder_is_named_by_its_last_part() -> None:
    model = Model("/home/me/models/gpt-oss-20b", "GPT-OSS 20B", tools="native")
    talk = AutoTalk(large=FakeBackend("gptoss_20b", "GPT-OSS 20B", readiness=ready(model)))
    await talk.say(HEAVY)
    [branch] = talk.output.branches
    assert branch.source is not None
    assert branch.source.model == "gpt-oss-20b"


async def test_tools_are_not_looked_at_for_each_piece_of_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    toolbox = Choice.toolbox

    def note(choice: Choice, session: Session) -> Toolbox:
        made.append(choice.model)
        return toolbox(choice, session)

    monkeypatch.setattr(Choice, "toolbox", note)
    talk = AutoTalk()
    talk.small.script(*says("a"))
    talk.small.script(*says(*"a longer answer"))
    await talk.say(LIGHT)
    made.clear()
    await talk.say(LIGHT)
    assert len(made) <= 1


async def test_a_small_model_need_not_say_more_than_the_large_one() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.small.script(Done())
    talk.large.script(*says("Done."))
    await talk.say(LIGHT)
    assert not talk.output.notices


async def test_a_long_session_alone_is_no_reason_to_delegate() -> None:
    talk = AutoTalk(small_backend(window=4096))
    talk.history.extend([UserMessage("word " * 4000), AssistantMessage("word " * 4000)])
    await talk.say("What is the capital of France?")
    assert talk.record.effective == SMALL
    features = talk.record.features
    assert features.prompt_tokens + features.context_tokens <= 4096


async def test_the_history_holds_what_the_large_model_said_to_the_user() -> None:
    talk = AutoTalk(small_backend(window=4096))
    whole = "".join(f"line {number}\n" for number in range(1000))
    talk.small.script(generates(HEAVY))
    talk.small.script(*says("As above."))
    talk.large.script(*says(whole))
    await talk.say(LIGHT)
    result = next(each for each in talk.history if isinstance(each, ToolResult))
    assert len(result.text) < 4096
    assert talk.history[-1] == AssistantMessage(whole)


async def test_a_short_answer_is_in_the_history_once() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.small.script(*says("As above."))
    talk.large.script(*says("The answer."))
    await talk.say(LIGHT)
    assert str(talk.history).count("The answer.") == 1
