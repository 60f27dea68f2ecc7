"""What is decided on prompts and on calls, and what the record holds of it."""

from dataclasses import replace

import pytest

from acp_agent.backends.base import Model
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.generate import GenerateArguments
from acp_agent.routing.rubric import SETTINGS, decide, threshold_for_share
from acp_agent.routing.weights import load_weights
from acp_agent.turn.auto.judging import CALL_SHARE, Judge
from acp_agent.turn.choice import Choice
from tests.turn.auto.talk import HEAVY, LARGE, LIGHT, SMALL, AutoTalk, generates, small_backend

pytestmark = pytest.mark.anyio

WEIGHTS = load_weights()


@pytest.mark.parametrize("setting", SETTINGS)
async def test_the_sessions_setting_gives_the_threshold(setting: str) -> None:
    talk = AutoTalk()
    talk.session.delegation = setting  # pyright: ignore[reportAttributeAccessIssue]
    await talk.say(LIGHT)
    record = talk.record
    assert record.setting == setting
    share = WEIGHTS.shares[setting]  # pyright: ignore[reportArgumentType]
    assert record.decision.threshold == threshold_for_share(share, WEIGHTS)


@pytest.mark.parametrize(
    ("setting", "holds"), [("balanced", True), ("eager", False), ("frugal", False)]
)
async def test_the_users_profile_is_for_balanced_only(setting: str, holds: bool) -> None:
    talk = AutoTalk()
    talk.services.threshold = lambda: 0.001
    talk.session.delegation = setting  # pyright: ignore[reportAttributeAccessIssue]
    await talk.say(LIGHT)
    assert (talk.record.decision.threshold == 0.001) == holds
    assert (talk.record.effective == LARGE) == holds


async def test_history_and_embedded_text_count_as_context() -> None:
    talk = AutoTalk()
    await talk.say(LIGHT)
    [first] = talk.log.records
    talk.history.append(UserMessage("word " * 600))
    talk.history.append(AssistantMessage("word " * 600))
    await talk.say(LIGHT)
    second = talk.log.records[-1]
    assert first.features.context_tokens < 20
    assert second.features.context_tokens > 1500
    assert second.features.prompt_tokens == first.features.prompt_tokens


async def test_the_last_panels_disagreement_counts_once_and_is_logged() -> None:
    talk = AutoTalk()
    talk.session.disagreement = 0.6
    await talk.say(LIGHT)
    assert talk.session.disagreement is None
    await talk.say(LIGHT)
    first, second = talk.log.records
    assert first.features.values["disagreement"] == 0.6
    assert first.decision.contributions["disagreement"] == pytest.approx(1.8)
    assert second.features.values["disagreement"] == 0.0
    assert "disagreement" not in second.decision.contributions
    assert first.decision.score > second.decision.score


async def test_a_panels_disagreement_has_a_prompt_delegated_and_the_reason_says_so() -> None:
    talk = AutoTalk()
    text = "What does this regular expression match, and what not?"
    await talk.say(text)
    assert not talk.record.decision.delegate
    talk.session.disagreement = 0.8
    await talk.say(text)
    record = talk.log.records[-1]
    assert record.decision.delegate
    assert "disagreement of the panel before (+2.4)" in record.decision.reason


async def test_what_was_embedded_is_no_part_of_the_judged_prompt() -> None:
    from acp_agent.turn.auto.turn import answer_auto
    from acp_agent.turn.meter import Meter

    talk = AutoTalk()
    embedded = UserMessage(f"{LIGHT}\n\n<file>{HEAVY * 20}</file>", LIGHT, ("src/parser.py",))
    await answer_auto(talk.session, embedded, talk.modes, talk.output, Meter(), talk.services)
    record = talk.record
    assert record.prompt == LIGHT
    assert record.prompt_bytes == len(LIGHT)
    assert record.features.context_tokens > 500
    assert record.features.files == 1


async def test_a_lone_surrogate_is_counted_too() -> None:
    talk = AutoTalk()
    await talk.say("\ud800 thanks")
    assert talk.record.prompt_bytes == 10


@pytest.mark.parametrize(
    ("wish", "effective", "code"),
    [
        (f"Use gpt-oss: {LIGHT}", LARGE, "explicit_request"),
        (f"Quick answer: {HEAVY}", SMALL, "explicit_request"),
    ],
)
async def test_a_wish_comes_first(wish: str, effective: str, code: str) -> None:
    talk = AutoTalk()
    await talk.say(wish)
    assert talk.record.effective == effective
    assert talk.record.decision.reason_code == code
    title = "gptoss.generate: GPT-OSS 20B, as asked for"
    assert [each.title for each in talk.output.shown[:1]] == [title] * (effective == LARGE)


@pytest.mark.parametrize("nearness", [0.01, -0.01])
async def test_a_call_needs_less_to_be_made(nearness: float) -> None:
    talk = AutoTalk()
    score = decide(read_features(Prompt("Explain the two caches.")), WEIGHTS).score
    pairs = ((CALL_SHARE - 0.01, score + 0.1), (CALL_SHARE, score - nearness))
    talk.services.read_weights = lambda: replace(WEIGHTS, thresholds=pairs)
    talk.small.script(generates("Explain the two caches."))
    await talk.say(LIGHT)
    [call] = talk.calls()
    decision = call.decision
    assert decision.score == score < decision.threshold
    assert decision.delegate == (nearness > 0)
    if decision.delegate:
        assert decision.reason_code == "needs_delegation"
        assert decision.reason.startswith("The small model called for it. Score ")
        assert call.effective == LARGE
    else:
        assert decision.reason_code == "local_answer_sufficient"
        assert "light enough for any model" in talk.results[0].text


async def test_a_call_is_logged_with_what_the_small_model_wants() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY, extra=', "task_type": "debugging"'))
    await talk.say(LIGHT)
    [call] = talk.calls()
    assert call.proposal is not None
    assert (call.proposal.candidate, call.proposal.task_class) == ("gptoss_20b", "debugging")
    assert call.session == talk.session.id
    assert call.prompt == HEAVY


async def test_a_small_model_without_tools_is_offered_none() -> None:
    talk = AutoTalk(small_backend("none"))
    await talk.say(LIGHT)
    request = talk.small.streams[0].request
    assert request is not None
    assert not request.tools


async def test_a_small_model_that_writes_calls_in_words_has_the_name_with_the_dot() -> None:
    talk = AutoTalk(small_backend("text"))
    await talk.say(LIGHT)
    request = talk.small.streams[0].request
    assert request is not None
    assert "gptoss.generate" in request.instructions + request.messages[-1].text


@pytest.mark.parametrize(
    ("said", "window", "delegate"),
    [
        ("Name a fruit.", None, False),
        ("Use gpt-oss to name a fruit.", None, True),
        ("Name a fruit.", 1, True),
    ],
)
async def test_a_light_call_is_made_where_the_user_asks_or_the_window_is_too_small(
    said: str, window: int | None, delegate: bool
) -> None:
    talk = AutoTalk()
    details = Model("tiny", "Tiny", context_size=window)
    small = Choice(talk.small, "tiny", details, None)
    judge = Judge(talk.session, talk.services, small, "gptoss_20b")
    record = judge.judge_call(GenerateArguments(user_prompt="Name a fruit."), said)
    assert record.decision.delegate == delegate


async def test_the_log_imports_what_it_needs_once_and_before_the_decision() -> None:
    talk = AutoTalk()
    await talk.say(LIGHT)
    assert talk.log.is_prepared
    talk.log.is_prepared = False
    await talk.say(LIGHT)
    assert not talk.log.is_prepared
