"""A turn in mode ``panel``: asked, voted on, shown once, kept, counted and logged."""

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Notice,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.config.panel_settings import PanelSettings, PanelStrategy
from acp_agent.conversation import AssistantMessage, ToolCall, UserMessage
from acp_agent.turn.meter import Meter
from acp_agent.turn.panel.turn import answer_panel
from tests.turn.panel.talk import NAMES, QUESTION, PanelTalk, says

pytestmark = pytest.mark.anyio


async def test_the_majority_is_shown_once_and_kept() -> None:
    talk = PanelTalk("one", "two", "three")
    talk.script(one="The answer is 41.", two="It is 42.", three="The answer is 42.")
    assert await talk.say() == "end_turn"
    assert talk.answers == [("two", "It is 42.")]
    assert talk.output.text == ""
    assert talk.history == [UserMessage(QUESTION), AssistantMessage("It is 42.")]
    assert talk.statuses == dict.fromkeys(["one", "two", "three"], "completed")
    [told] = talk.output.notices
    assert told.startswith("3 of 3 answered, 2 agree (majority); shown: two.")
    talk.check()


async def test_a_call_names_the_candidate_and_sums_up_its_answer() -> None:
    talk = PanelTalk("one", "two")
    talk.script(one="42 " * 500, two="42")
    await talk.say()
    first, *_, last = [each for each in talk.output.shown if each.id.endswith("-1")]
    assert first.title == "Panel 1/2: Model One"
    assert first.kind == "think"
    assert first.status == "in_progress"
    arguments = dict(first.arguments or {})
    assert arguments["model"] == "one/one-model"
    assert arguments["strategy"] == "majority"
    assert last.status == "completed"
    summary = talk.calls["Panel 1/2: Model One"]
    assert summary.startswith("Answered (10 tokens, ")
    assert "42 42" in summary
    assert len(summary) < 400


async def test_samples_of_one_model_are_alike_but_for_chance() -> None:
    talk = PanelTalk(settings=PanelSettings(samples=3, temperature=0.7, max_tokens=50))
    assert await talk.say() == "end_turn"
    requests = [stream.request for stream in talk.one.streams]
    assert len(requests) == 3
    assert requests[0] == requests[1] == requests[2]
    assert requests[0] is not None
    assert (requests[0].temperature, requests[0].max_tokens) == (0.7, 50)
    assert requests[0].session == ""
    assert (requests[0].tools, requests[0].instructions) == ((), "")
    assert [each.title for each in talk.output.shown[:3]] == [
        f"Panel {number}/3: Model One, sample {number}" for number in (1, 2, 3)
    ]


async def test_candidates_run_at_the_same_time() -> None:
    talk = PanelTalk("one", "two", "three")
    gate = anyio.Event()
    plans = [talk[name].script(gate, *says("42")) for name in ("one", "two", "three")]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say)
            for each in plans:
                await each.started.wait()
            gate.set()
    assert len(talk.history) == 2


async def test_what_decides_the_vote_ends_the_others() -> None:
    talk = PanelTalk(*NAMES)
    for name in NAMES[:3]:
        talk[name].script(*says("42"))
    late = [talk[name].script(TextDelta("4"), anyio.Event()) for name in NAMES[3:]]
    with anyio.fail_after(5):
        assert await talk.say() == "end_turn"
    assert all(each.stopped.is_set() for each in late)
    assert [talk.outcomes[name] for name in NAMES] == ["answered"] * 3 + ["stopped"] * 2
    assert talk.statuses["four"] == "completed"
    [told] = talk.output.notices
    assert told.startswith("3 of 5 answered, 3 agree, 2 not needed (majority)")


async def test_no_tool_is_offered_and_stray_calls_are_ignored() -> None:
    talk = PanelTalk("one", "two", "three")
    call = ToolCall("c1", "read_file", "{}")
    strays = [ToolCallStarted("c1", "read_file"), ToolCallRequested(call)]
    talk["one"].script(*strays, *says("42"))
    talk["two"].script(*says("42"))
    talk["three"].script(*strays, Done())
    assert await talk.say() == "end_turn"
    assert talk.history[-1] == AssistantMessage("42")
    assert len(talk.output.shown) == len([s for s in talk.output.shown if "Panel" in s.title])
    talk.check()


async def test_a_candidate_that_only_calls_a_tool_says_so() -> None:
    talk = PanelTalk("one", "two", settings=PanelSettings(members=["one", "two"], quorum=1))
    talk["one"].script(ToolCallRequested(ToolCall("c1", "read_file", "{}")), Done())
    assert await talk.say() == "end_turn"
    assert talk.outcomes == {"one": "empty", "two": "answered"}
    assert talk.statuses["one"] == "failed"
    assert "asked for a tool" in talk.calls["Panel 1/2: Model One"]


async def test_usage_is_the_sum_and_the_window_is_the_winners() -> None:
    talk = PanelTalk("one", "two", "three")
    talk["one"].script(*says("41", 100, 1))
    talk["two"].script(*says("42", 200, 2))
    talk["three"].script(*says("42", 300, 3))
    await talk.say()
    record = talk.meter.record("end_turn")
    assert record is not None
    assert (record.prompt_tokens, record.generated_tokens) == (600, 6)
    assert (record.mode, record.model) == ("panel", "two-model")
    shown = [each for each in talk.output.branches[1].events if isinstance(each, Usage)]
    assert shown == [Usage(200, 2, 8192)]
    others = talk.output, talk.output.branches[0], talk.output.branches[2]
    assert not [each for output in others for each in output.events if isinstance(each, Usage)]


async def test_what_a_candidate_read_before_it_was_cut_off_is_counted() -> None:
    talk = PanelTalk("one", "two", "three")
    talk["one"].script(Progress("prefill", "Reading", 5, 70, "tokens"), anyio.Event())
    talk.script(two="42", three="42")
    with anyio.fail_after(5):
        await talk.say()
    record = talk.meter.record("end_turn")
    assert record is not None
    assert record.prompt_tokens == 270


async def test_progress_and_thoughts_go_into_the_call_and_nowhere_else() -> None:
    talk = PanelTalk("one", settings=PanelSettings(members=["one"]))
    gate = anyio.Event()
    talk["one"].script(
        Progress("load", "Loading", 1, 4),
        ThoughtDelta("Hm."),
        Notice("Random weights."),
        gate,
        *says("42"),
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.say)
        with anyio.fail_after(5):
            await anyio.wait_all_tasks_blocked()
        assert "Loading: 25 %" in talk.calls.values()
        gate.set()
    everywhere = [talk.output, *talk.output.branches]
    events = [each for output in everywhere for each in output.events]
    assert not [each for each in events if isinstance(each, Progress | ThoughtDelta)]
    assert talk.output.notices[0] == "Random weights."


async def test_what_all_samples_warn_of_is_told_once() -> None:
    talk = PanelTalk(settings=PanelSettings(samples=3))
    for _ in range(3):
        talk.one.script(Notice("Random weights."), *says("42"))
    await talk.say()
    assert talk.output.notices.count("Random weights.") == 1


async def test_the_greeting_comes_first_and_once() -> None:
    talk = PanelTalk("one", "two")
    talk.session.greeting = "Hello."
    await talk.say()
    assert talk.output.notices[0] == "Hello."
    await talk.go_on()
    assert talk.output.notices.count("Hello.") == 1


async def test_the_next_panel_is_told_what_was_answered() -> None:
    talk = PanelTalk("one", "two")
    talk.script(one="42", two="42")
    await talk.say()
    await talk.say("Why?")
    for name in ("one", "two"):
        request = talk[name].streams[-1].request
        assert request is not None
        assert [each.text for each in request.messages] == [QUESTION, "42", "Why?"]


async def test_free_form_answers_in_other_words_are_no_disagreement() -> None:
    talk = PanelTalk("one", "two")
    talk.script(one="Light is scattered by air, the blue of it most of all.", two="A tale " * 20)
    await talk.say()
    assert (talk.record.agreement, talk.session.disagreement) == (0.5, None)


async def test_the_panel_is_logged_and_disagreement_noted() -> None:
    talk = PanelTalk("one", "two", "three", "four")
    talk.script(one="42", two="41", three="40", four="42")
    await talk.say()
    record = talk.record
    assert record.agreement == 0.5
    assert talk.session.disagreement == 0.5
    assert (record.strategy, record.quorum, record.winner) == ("majority", 3, "one")
    assert record.groups[0] == ["one", "four"]
    assert (record.cancelled, record.error) == (False, None)
    assert [each.generated_tokens for each in record.candidates] == [10] * 4
    assert all(each.seconds is not None for each in record.candidates)
    assert talk.services.last["s1"] is record
    talk.services.close("s1")
    assert not talk.services.last


@pytest.mark.parametrize("strategy", ["first_valid", "best_of"])
async def test_the_sessions_strategy_holds(strategy: str) -> None:
    talk = PanelTalk("one", "two")
    talk.session.options["panel"] = {"strategy": strategy}
    talk.script(one='```json\n{"a": 1}\n```', two='```json\n{"a": 1}\n```')
    assert await talk.say() == "end_turn"
    assert talk.record.strategy == strategy
    assert f"({strategy.replace('_', ' ')})" in talk.output.notices[-1]


async def test_the_head_judges_in_best_of() -> None:
    settings = PanelSettings(members=["one", "two"], strategy="best_of", head="three")
    talk = PanelTalk("one", "two", "three", settings=settings)
    talk.script(one="Blue, I think.", two="Green leaves are it.")
    talk["three"].script(TextDelta('{"scores": [1, 9], "choice": 2, "reason": "Clear."}'))
    assert await talk.say() == "end_turn"
    assert len(talk["three"].streams) == 1
    steps = [each for each in talk.output.events if isinstance(each, Progress)]
    assert [each.finished for each in steps] == [False, True]
    assert "9 of 10" in talk.output.notices[-1]
    assert talk.record.head == "three/three-model"


async def test_without_a_head_the_likest_answer_is_shown() -> None:
    settings = PanelSettings(members=["one", "two"], strategy="best_of", head="gone")
    talk = PanelTalk("one", "two", settings=settings)
    talk.script(one="Blue, I think.", two="Green leaves are it.")
    assert await talk.say() == "end_turn"
    assert "no judgement" in talk.output.notices[-1]
    assert talk.record.head == ""


async def test_the_sessions_number_of_samples_holds() -> None:
    talk = PanelTalk()
    talk.session.options["panel"] = {"samples": "7"}
    await talk.say()
    assert len(talk.record.candidates) == 7


async def test_one_candidate_answers_without_a_vote() -> None:
    talk = PanelTalk("one", settings=PanelSettings(members=["one"]))
    talk.script(one="Whatever you like.")
    assert await talk.say() == "end_turn"
    assert talk.history[-1] == AssistantMessage("Whatever you like.")
    assert talk.output.notices == ["One candidate was asked (one), so there was no vote."]
    assert talk.session.disagreement is None
    assert talk.record.agreement is None


async def test_one_candidate_is_checked_all_the_same() -> None:
    talk = named_one(strategy="first_valid")
    talk.script(one="```json\n{]\n```")
    assert await talk.say() == "end_turn"
    [told] = talk.output.notices
    assert told.startswith("One candidate was asked (one), so there was no vote. None of 1")


def named_one(strategy: PanelStrategy) -> PanelTalk:
    return PanelTalk("one", settings=PanelSettings(members=["one"], strategy=strategy))


async def test_one_sample_answers_without_a_vote() -> None:
    talk = PanelTalk(settings=PanelSettings().model_copy(update={"samples": 1}))
    assert await talk.say() == "end_turn"
    assert talk.history[-1] == AssistantMessage("ok")


async def test_attached_files_are_told_as_in_other_turns() -> None:
    talk = PanelTalk("one", "two")
    talk.meter = Meter()
    prompt = UserMessage("Look.\n\n[file]", said="Look.", attached=("a.py",))
    await answer_panel(talk.session, prompt, talk.modes, talk.output, talk.meter, talk.services)
    request = talk["one"].streams[0].request
    assert request is not None
    assert request.messages[-1].text == "Look.\n\n[file]"
