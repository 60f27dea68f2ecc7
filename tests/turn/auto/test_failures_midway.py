"""Delegations that fail, end without a word or lose their mode after they began. Issue 5."""

import anyio
import pytest

from acp_agent.backends.base import Done, TextDelta, ThoughtDelta
from acp_agent.conversation import AssistantMessage, ToolResult, UserMessage
from acp_agent.errors import BackendError
from acp_agent.routing.gates import Load
from acp_agent.tools.base import Outcome
from acp_agent.turn.auto.outcome import UNFORESEEN
from tests.fixtures.fake_backend import Step
from tests.fixtures.fake_tool import FakeTool
from tests.turn.auto.talk import (
    HASTY,
    HEAVY,
    LARGE,
    LIGHT,
    SILENT,
    AutoTalk,
    generates,
    says,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seen", [TextDelta("Half."), ThoughtDelta("Hm.")])
async def test_the_large_model_dies_mid_stream(seen: TextDelta | ThoughtDelta) -> None:
    talk = AutoTalk()
    talk.large.script(seen, BackendError("The engine ended."))

    with pytest.raises(BackendError, match="The engine ended"):
        await talk.say(HEAVY)

    assert not talk.small.streams  # half an answer is not begun anew by another model
    assert talk.output.statuses(talk.delegation)[-1] == "failed"
    assert talk.told(talk.delegation)[-1] == "The engine ended."
    prompt, answer = talk.history
    assert prompt == UserMessage(HEAVY)
    assert isinstance(answer, AssistantMessage)
    assert answer.interrupted
    assert seen.text in (answer.text, answer.thought)
    assert talk.record.outcome.error == "The engine ended."
    assert talk.record.effective == LARGE
    talk.check()
    await talk.go_on()


async def test_the_large_model_dies_between_its_calls() -> None:
    tool = FakeTool(outcomes=[Outcome("There it is.")])
    talk = AutoTalk(tools=[tool])
    talk.large.script(generates("x", name="look"))
    talk.large.script(BackendError("The engine ended."))
    with pytest.raises(BackendError, match="The engine ended"):
        await talk.say(HEAVY)
    assert [type(each) for each in talk.history] == [UserMessage, AssistantMessage, ToolResult]
    assert not talk.small.streams
    talk.check()
    await talk.go_on()


async def test_the_large_model_dies_mid_stream_in_a_call() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.large.script(*says("Half."), BackendError("The engine ended."))

    assert await talk.say(LIGHT) == "end_turn"

    [result] = talk.results
    assert result.failed
    assert "The engine ended." in result.text
    assert result.text.endswith("Half.")  # what the user has read the small model knows too
    assert talk.output.statuses("c1")[-1] == "failed"
    [call] = talk.calls()
    assert (call.effective, call.outcome.error) == (LARGE, "The engine ended.")
    [prompt] = talk.calls("prompt")
    assert prompt.outcome.error is None
    talk.check()
    await talk.go_on()


async def test_the_large_model_makes_no_progress_in_the_middle_of_its_answer() -> None:
    talk = AutoTalk(settings=HASTY)
    talk.large.script(*says("Half."), anyio.Event())
    with anyio.fail_after(5), pytest.raises(BackendError) as raised:
        await talk.say(HEAVY)
    assert raised.value.message == SILENT
    assert talk.told(talk.delegation)[-1] == SILENT
    assert talk.history[-1] == AssistantMessage("Half.", interrupted=True)
    assert talk.record.outcome.error == SILENT
    talk.check()
    await talk.go_on()


async def test_what_was_not_foreseen_is_logged_as_an_error_and_ends_the_call() -> None:
    talk = AutoTalk()
    talk.large.script(KeyError("secret"))
    with pytest.raises(KeyError):
        await talk.say(HEAVY)
    outcome = talk.record.outcome
    assert not outcome.cancelled
    assert outcome.error == "Something unforeseen failed; acp-agent's log has the reason."
    talk.check()
    talk.small.script(generates(HEAVY))
    talk.large.script(KeyError("secret"))
    assert await talk.say(LIGHT) == "end_turn"
    assert talk.results[-1].failed
    assert talk.calls()[0].outcome.error == outcome.error
    assert not talk.calls()[0].outcome.cancelled
    talk.check()


@pytest.mark.parametrize("steps", [[], [ThoughtDelta("Hm.")]])
async def test_an_empty_answer_is_said(steps: list[Step]) -> None:
    talk = AutoTalk()
    talk.large.script(*steps)
    assert await talk.say(HEAVY) == "end_turn"
    [branch] = talk.output.branches
    assert "The model said nothing" in branch.notices[0]
    assert talk.told(talk.delegation)[-1].startswith("GPT-OSS 20B gave no text")
    assert talk.history[0] == UserMessage(HEAVY)
    assert talk.output.statuses(talk.delegation)[-1] == "failed"
    assert talk.record.outcome.stop_reason == "end_turn"
    assert talk.record.outcome.error == "GPT-OSS 20B gave no text."
    talk.check()
    await talk.go_on()


async def test_an_empty_answer_to_a_call_is_told_to_the_small_model() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.large.script()
    await talk.say(LIGHT)
    [result] = talk.results
    assert result.failed
    assert result.text == "GPT-OSS 20B gave no text. Say so, or do the task yourself."
    assert talk.calls()[0].outcome.error == "GPT-OSS 20B gave no text."
    assert talk.output.statuses("c1")[-1] == "failed"
    talk.check()


async def test_work_without_a_word_is_not_told_as_nothing() -> None:
    tool = FakeTool(outcomes=[Outcome("There it is.")])
    talk = AutoTalk(tools=[tool])
    talk.small.script(generates(HEAVY))
    talk.large.script(generates("x", name="look"))
    talk.large.script()
    await talk.say(LIGHT)
    [result] = talk.results
    assert not result.failed
    assert "Look at what it changed" in result.text
    assert talk.calls()[0].outcome.error is None
    talk.check()


async def test_an_answer_that_was_cut_short_is_told_so() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.large.script(*says("Half."), Done("max_tokens"))
    await talk.say(LIGHT)
    assert "did not get to its end (max_tokens)" in talk.results[0].text
    assert talk.calls()[0].outcome.stop_reason == "max_tokens"


async def test_the_mode_is_switched_while_the_large_model_answers() -> None:
    talk = AutoTalk()
    gate = anyio.Event()
    playing = talk.large.script(*says("Half, "), gate, *says("whole."))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, HEAVY)
            await playing.started.wait()
            before, talk.session.mode = talk.session.mode, "ollama"
            talk.services.watch.mode_chosen(talk.session.id, before, "ollama")
            gate.set()
    assert talk.output.branches[0].text == "Half, whole."
    assert talk.output.statuses(talk.delegation)[-1] == "completed"
    assert talk.record.outcome.override == "ollama"
    assert talk.log.feedback == []
    talk.check("ollama")


async def test_the_mode_is_switched_while_a_call_runs() -> None:
    talk = AutoTalk()
    gate = anyio.Event()
    talk.small.script(generates(HEAVY))
    playing = talk.large.script(gate, *says("Done."))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            await playing.started.wait()
            talk.session.mode = "gptoss_20b"
            talk.services.watch.mode_chosen(talk.session.id, "auto", "gptoss_20b")
            gate.set()
    assert talk.output.text == "ok"  # the turn's own model ends it
    assert talk.output.branches[0].text == "Done."
    [prompt] = talk.calls("prompt")
    assert prompt.outcome.override == "gptoss_20b"
    talk.check("gptoss_20b")


async def test_a_defect_before_a_call_is_made_is_logged_as_one() -> None:
    talk = AutoTalk()

    async def fail(model: str) -> Load:
        raise ValueError("a defect")

    talk.services.read_load = fail
    talk.small.script(generates(HEAVY))
    assert await talk.say(LIGHT) == "end_turn"
    [call] = talk.calls()
    assert (call.outcome.error, call.outcome.cancelled) == (UNFORESEEN, False)


async def test_who_has_just_failed_is_not_offered_to_the_small_model() -> None:
    talk = AutoTalk()
    talk.large.script(BackendError("The engine ended."))
    await talk.say(HEAVY)
    request = talk.small.streams[0].request
    assert request is not None
    assert not request.tools
