"""Who is asked first, who is passed over, and what the user and the log are told of it."""

import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.errors import BackendError
from acp_agent.routing.gates import Load
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.auto.talk import (
    DOWN,
    HEAVY,
    LARGE,
    LIGHT,
    PARAMETERS,
    SMALL,
    AutoTalk,
    large_backend,
    says,
    small_backend,
    unready,
)

pytestmark = pytest.mark.anyio

OSS = "ollama/gpt-oss:20b"
NEVER = AutoSettings(propose="never")
ALONE = AutoSettings(propose="never", fallback=False)


def both_in_ollama() -> FakeBackend:
    models = (
        Model("tiny", "Tiny", parameters=PARAMETERS, tools="native"),
        Model("gpt-oss:20b", "gpt-oss:20b", parameters=21 * 10**9, tools="native"),
    )
    return FakeBackend("ollama", "Ollama", readiness=Readiness(True, "", True, models, "tiny"))


async def test_who_answered_first_leaves_nobody_passed_over() -> None:
    talk = AutoTalk(large=unready(large_backend(), DOWN))
    await talk.say(LIGHT)
    assert talk.record.skipped == []
    assert not talk.output.notices


async def test_ollamas_gpt_oss_is_second_and_named() -> None:
    talk = AutoTalk(both_in_ollama(), unready(large_backend(), DOWN))
    await talk.say(HEAVY)
    record = talk.record
    assert (record.selected, record.effective) == ("gptoss_20b", OSS)
    [skipped] = record.skipped
    assert (skipped.candidate, skipped.gate, skipped.reason) == (
        "gptoss_20b",
        "not_ready",
        DOWN.reason,
    )
    assert talk.output.notices == [
        "gpt-oss:20b (Ollama) answers instead. gptoss_20b: The engine cannot run here: it needs "
        "a Mac or Linux."
    ]


async def test_three_in_a_row() -> None:
    talk = AutoTalk(both_in_ollama())
    talk.large.script(BackendError("The engine ended."))
    talk.small.script(BackendError("Ollama has no memory."))
    talk.small.script(*says("Done."))
    await talk.say(HEAVY)
    assert [each.candidate for each in talk.record.skipped] == [LARGE, OSS]
    assert talk.record.effective == SMALL
    one, two = talk.output.notices
    assert one == "gpt-oss:20b (Ollama) answers instead. gptoss_20b/gpt-oss-20b: The engine ended."
    assert two.startswith("Tiny (Ollama) answers instead. gptoss_20b/gpt-oss-20b: The engine ended")
    assert two.endswith("ollama/gpt-oss:20b: Ollama has no memory.")
    assert [call.status for call in talk.output.shown if call.status != "in_progress"] == [
        "failed",
        "failed",
    ]
    assert talk.output.text == "Done."


async def test_without_fallback_nobody_takes_the_small_models_place() -> None:
    talk = AutoTalk(settings=ALONE)
    talk.small.script(BackendError("Ollama ended."))
    with pytest.raises(BackendError, match="Ollama ended"):
        await talk.say(LIGHT)
    assert not talk.large.streams
    assert talk.record.effective == SMALL


@pytest.mark.parametrize("settings", [NEVER, ALONE])
async def test_a_light_prompt_goes_to_whoever_is_there(settings: AutoSettings) -> None:
    talk = AutoTalk(unready(small_backend(), Readiness(False, "Start it.")), settings=settings)
    assert await talk.say(LIGHT) == "end_turn"
    assert talk.record.effective == LARGE


async def test_the_load_is_asked_of_the_first_large_model_only() -> None:
    asked: list[str] = []
    talk = AutoTalk()

    async def ask(model: str) -> Load:
        asked.append(model)
        return Load()

    talk.services.read_load = ask
    await talk.say(LIGHT)
    assert asked == []  # it is not its turn
    await talk.say(HEAVY)
    assert asked == ["gpt-oss-20b"]


async def test_reasons_name_models_that_are_folders_by_their_last_part() -> None:
    model = Model("/home/me/models/gpt-oss-20b", "GPT-OSS 20B", context_size=8, tools="native")
    large = FakeBackend(
        "gptoss_20b", "GPT-OSS 20B", readiness=Readiness(True, "", True, (model,), model.id)
    )
    talk = AutoTalk(large=large)
    await talk.say(HEAVY)
    [skipped, _] = talk.record.skipped
    assert (skipped.candidate, skipped.gate) == (LARGE, "too_long")
    seen = repr((talk.record, talk.output.notices, talk.output.shown))
    assert "/home/me" not in seen
