"""The small model is missing, hangs or fails; prompts that fit no window; the log. Issue 5."""

from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import Model, Progress, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import (
    BackendError,
    BackendUnavailable,
    ContextOverflow,
    ModelNotInstalled,
)
from acp_agent.routing.decision_log import DecisionLog
from tests.protocol.backend import MISSING
from tests.turn.auto.talk import (
    DOWN,
    HASTY,
    HEAVY,
    LARGE,
    LIGHT,
    NO_OLLAMA,
    SMALL,
    AutoTalk,
    generates,
    large_backend,
    ready,
    says,
    small_backend,
    unready,
)
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio


async def test_without_a_small_model_the_large_one_answers_everything() -> None:
    talk = AutoTalk(unready(small_backend(), NO_OLLAMA))
    talk.large.script(*says("You are welcome."))

    assert await talk.say(LIGHT) == "end_turn"

    record = talk.record
    assert not record.decision.delegate
    assert (record.selected, record.effective) == ("small model", LARGE)
    [skipped] = record.skipped
    assert (skipped.gate, skipped.reason[:27]) == ("not_installed", "There is no small model; `o")
    assert talk.output.branches[0].text == "You are welcome."
    assert talk.output.shown[0].title == "gptoss.generate: GPT-OSS 20B, in the small model's place"
    [arguments] = {call.arguments["reason"] for call in talk.output.shown if call.arguments}
    assert arguments.startswith("There is no small model; ")
    [notice] = talk.output.notices
    assert notice.startswith("GPT-OSS 20B answers instead. small model: There is no small model")
    talk.output.events.clear()
    await talk.say(LIGHT)
    assert not talk.output.notices  # once a session
    assert "there is no small model" in talk.modes.readiness["auto"].reason
    talk.check()
    await talk.go_on()


async def test_without_any_model_the_reason_says_what_to_do() -> None:
    talk = AutoTalk(unready(small_backend(), NO_OLLAMA), unready(large_backend(), DOWN))
    with pytest.raises(BackendUnavailable, match=r"gets one\. GPT-OSS 20B: The engine"):
        await talk.say(HEAVY)
    assert talk.history == []
    talk.small.readiness = ready(Model("tiny", "Tiny", parameters=10**9, tools="native"))
    await talk.go_on()  # it is looked for again


async def test_a_wrong_name_of_the_small_model_is_told() -> None:
    talk = AutoTalk(settings=AutoSettings(orchestrator_model="nope"))
    await talk.say(LIGHT)
    [skipped] = talk.record.skipped
    assert "'nope' is not there; correct `auto.orchestrator_model`" in skipped.reason


async def test_nobody_wants_a_small_model() -> None:
    talk = AutoTalk(settings=AutoSettings(orchestrator="none"))
    await talk.say(LIGHT)
    assert talk.record.skipped == []
    assert not talk.output.notices


@pytest.mark.parametrize("fallback", [True, False])
async def test_the_first_prompt_offers_to_install_where_nobody_can_answer(fallback: bool) -> None:
    missing = Model("gpt-oss-20b", "GPT-OSS 20B", tools="native")
    lacking = Readiness(True, "Not here.", False, (missing,), missing.id)
    talk = AutoTalk(
        unready(small_backend(), NO_OLLAMA),
        unready(large_backend(), lacking),
        settings=AutoSettings(fallback=fallback),
    )
    talk.output = FakeOutput(True)
    wanted = ModelNotInstalled("It is not here.", model=missing.id, title="Install it")
    talk.large.script(wanted)
    talk.large.script(*says("Here."))
    assert await talk.say(HEAVY) == "end_turn"
    assert [title for title, _ in talk.output.branches[0].asked] == ["Install it"]
    assert talk.large.installed == [missing.id]
    assert talk.modes.readiness["auto"].ready


async def test_a_small_model_whose_load_never_ends_is_given_up() -> None:
    talk = AutoTalk(settings=HASTY)
    talk.small.script(Progress("load", "Loading"), anyio.Event())
    talk.large.script(*says("You are welcome."))
    with anyio.fail_after(5):
        assert await talk.say(LIGHT) == "end_turn"
    assert talk.record.effective == LARGE


async def test_the_small_model_hangs_and_a_larger_one_answers() -> None:
    talk = AutoTalk(settings=HASTY.model_copy(update={"progress_timeout": 20.0}))
    talk.small.script(anyio.Event())
    talk.large.script(*says("You are welcome."))

    with anyio.fail_after(5):
        assert await talk.say(LIGHT) == "end_turn"

    [notice] = talk.output.notices
    assert notice.startswith("GPT-OSS 20B answers instead. ollama/tiny: tiny gave no sign of life")
    assert "raise auto.small_timeout in the configuration" in notice
    assert talk.output.branches[0].text == "You are welcome."
    assert talk.output.shown[0].title == "gptoss.generate: GPT-OSS 20B, in the small model's place"
    assert talk.history == [UserMessage(LIGHT), AssistantMessage("You are welcome.")]
    record = talk.record
    [skipped] = record.skipped
    assert (skipped.candidate, skipped.gate) == (SMALL, "failed")
    assert (record.selected, record.effective) == (SMALL, LARGE)
    talk.check()
    await talk.go_on()


async def test_the_small_model_hangs_in_the_middle_of_its_answer() -> None:
    talk = AutoTalk(settings=HASTY)
    talk.small.script(*says("You"), anyio.Event())
    with anyio.fail_after(5), pytest.raises(BackendError, match="tiny gave no sign of life"):
        await talk.say(LIGHT)
    assert talk.history == [UserMessage(LIGHT), AssistantMessage("You", interrupted=True)]
    assert not talk.large.streams
    talk.check()
    await talk.go_on()


async def test_both_models_fail() -> None:
    talk = AutoTalk()
    talk.large.script(BackendError("The engine ended."))
    talk.small.script(BackendError("Ollama ended."))
    with pytest.raises(BackendError, match="Ollama ended"):
        await talk.say(HEAVY)
    assert "The engine ended" in talk.output.notices[0]
    assert talk.history == []  # it can be sent again
    assert talk.record.outcome.error == "Ollama ended."
    assert [each.candidate for each in talk.record.skipped] == [LARGE, "ollama"]
    talk.check()
    await talk.go_on()


async def test_a_prompt_too_long_for_the_small_models_window_goes_to_the_large_one() -> None:
    talk = AutoTalk(small_backend(window=2048))
    assert await talk.say("word " * 5000) == "end_turn"
    assert talk.record.decision.reason_code == "needs_large_context"
    assert talk.record.effective == LARGE
    talk.check()


async def test_a_prompt_that_the_small_model_counts_as_too_long_goes_to_the_large_one() -> None:
    talk = AutoTalk()
    talk.small.script(ContextOverflow("It is too long."))
    assert await talk.say(LIGHT) == "end_turn"
    assert talk.record.effective == LARGE
    assert "ollama/tiny: It is too long" in talk.output.notices[0]
    assert talk.history == [UserMessage(LIGHT), AssistantMessage("ok")]
    talk.check()


async def test_a_prompt_that_fits_no_window_is_refused_with_the_figures() -> None:
    talk = AutoTalk(small_backend(window=64), large_backend(64))
    with pytest.raises(BackendError, match=r"tokens do not fit its window of 64\. Send") as raised:
        await talk.say("word " * 5000)
    assert "Send the prompt again later" in raised.value.message
    assert talk.history == []
    assert {each.gate for each in talk.record.skipped} >= {"too_long"}
    talk.check()


async def test_a_log_that_cannot_be_written_is_told_once() -> None:
    talk = AutoTalk()
    talk.log.problem = "Routing decisions are not logged: the disk is full."
    for _ in range(2):
        assert await talk.say(HEAVY) == "end_turn"
    assert talk.output.notices == [talk.log.problem]
    talk.log.problem = "Routing decisions are not logged: no permission."
    await talk.say(LIGHT)
    assert len(talk.output.notices) == 2
    talk.check()


async def test_a_folder_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    talk = AutoTalk()
    talk.services.log = DecisionLog(tmp_path / "state" / "routing.jsonl")
    for prompt in (HEAVY, LIGHT, HEAVY):
        assert await talk.say(prompt) == "end_turn"
    [notice] = talk.output.notices
    assert notice.startswith("Routing decisions are not logged: ")
    assert str(tmp_path) not in notice
    talk.check()


async def test_a_user_who_wants_no_log_has_none() -> None:
    talk = AutoTalk()
    talk.services.log = None
    talk.small.script(generates(HEAVY))
    assert await talk.say(LIGHT) == "end_turn"
    assert await talk.say(HEAVY) == "end_turn"
    assert not talk.output.notices
    talk.check()


async def test_a_model_that_is_missing_is_installed_if_the_user_allows_it() -> None:
    talk = AutoTalk()
    talk.output = FakeOutput(True)
    talk.large.script(MISSING)
    talk.large.script(*says("Done."))
    assert await talk.say(HEAVY) == "end_turn"
    assert talk.large.installed == ["tiny"]
    [branch] = talk.output.branches
    assert branch.asked == [(MISSING.title, MISSING.message)]
    assert branch.text == "Done."
    assert talk.record.skipped == []
    assert talk.record.effective == LARGE
    talk.check()
