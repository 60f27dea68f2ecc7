"""Which model answers, and that another one never does so silently."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Progress,
    Readiness,
    StopReason,
    TextDelta,
    ThoughtDelta,
)
from acp_agent.config.settings import AutoSettings
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow
from acp_agent.mcp_server.answerers import find_family
from tests.fixtures.fake_backend import FakeBackend
from tests.mcp_server.harness import OTHERS, OWN, PATIENCE, Stage, ask, failure, ready, texts

pytestmark = pytest.mark.anyio

NOT_INSTALLED = Readiness(True, "The first prompt offers it.", False, (OWN,), OWN.id)
NOT_READY = Readiness(False, "It does not fit this machine.", False)


async def test_ollama_answers_where_gpt_oss_is_not_installed_and_says_so() -> None:
    stage = Stage()
    stage.own.readiness = NOT_INSTALLED
    async with stage.client() as client:
        result = await ask(client)
    answer, note = texts(result)
    assert answer == "ok"
    assert note.startswith("[ollama/gpt-oss:20b answered instead. gptoss_20b")
    assert "acp-agent models install" in note
    assert result.structured_content["model"] == "gpt-oss:20b"
    assert result.structured_content["mode"] == "ollama"
    assert result.structured_content["notes"] == [note.strip("[]")]
    assert [each.gate for each in stage.record.skipped] == ["not_installed"]
    assert stage.record.effective == "ollama/gpt-oss:20b"
    assert stage.own.streams == []
    assert stage.own.installed == []


@pytest.mark.parametrize("readiness", [NOT_READY, ready(OTHERS[0]), ready(*OTHERS[:2])])
async def test_without_any_model_the_result_says_what_to_do(readiness: Readiness) -> None:
    stage = Stage()
    stage.own.readiness, stage.other.readiness = NOT_READY, readiness
    async with stage.client() as client:
        sentence = failure(await ask(client))
    assert sentence.startswith("No GPT-OSS model can answer now. gptoss_20b: It does not fit")
    assert ("ollama pull gpt-oss:20b" in sentence) == readiness.ready
    assert stage.other.streams == []
    assert stage.record.effective == ""
    assert stage.record.outcome.error == sentence


def test_a_model_that_runs_elsewhere_is_never_taken() -> None:
    assert find_family(ready(*OTHERS)) == OTHERS[2]
    assert find_family(ready(replace(OTHERS[2], is_remote=True))) is None
    own = Model("hf.co/someone/gpt-oss-20b:latest", "mine")
    assert find_family(ready(own, OTHERS[2])) == own


async def test_a_model_that_fails_before_its_first_word_is_replaced() -> None:
    stage = Stage()
    stage.own.script(BackendUnavailable("There is too little memory."))
    async with stage.client() as client:
        answer, note = texts(await ask(client))
    assert answer == "ok"
    assert "There is too little memory." in note
    assert [(each.candidate, each.gate) for each in stage.record.skipped] == [
        ("gptoss_20b/gpt-oss-20b", "failed")
    ]


async def test_a_model_that_dies_later_is_not_replaced_and_its_words_are_marked() -> None:
    stage = Stage()
    stage.own.script(TextDelta("The first half"), BackendError("The engine ended."))
    async with stage.client() as client:
        result = await ask(client)
    assert result.is_error
    assert texts(result) == [
        "The engine ended.",
        "[Incomplete: what gpt-oss-20b wrote until then]\n\nThe first half",
    ]
    assert stage.other.streams == []
    assert stage.record.effective == "gptoss_20b/gpt-oss-20b"
    assert stage.record.outcome.error == "The engine ended."


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_prompt_that_does_not_fit_goes_to_one_where_it_does(is_known: bool) -> None:
    stage = Stage()
    if is_known:
        stage.own.readiness = ready(replace(OWN, context_size=3))
    else:
        stage.own.script(ContextOverflow("It does not fit."))
    async with stage.client() as client:
        assert texts(await ask(client, "Four words and more."))[0] == "ok"
    assert [each.gate for each in stage.record.skipped] == ["too_long"]


@pytest.mark.parametrize(("reason", "words"), [("end_turn", "say more"), ("max_tokens", "larger")])
async def test_an_answer_without_words_is_explained(reason: StopReason, words: str) -> None:
    stage = Stage()
    stage.own.script(ThoughtDelta("Hm."), TextDelta(" \n"), Done(reason))
    async with stage.client() as client:
        sentence = failure(await ask(client))
    assert words in sentence
    assert stage.record.outcome.error == sentence
    assert stage.record.effective == "gptoss_20b/gpt-oss-20b"


async def test_an_answer_that_was_cut_says_so() -> None:
    stage = Stage()
    stage.own.script(TextDelta("So"), Done("max_tokens"))
    async with stage.client() as client:
        result = await ask(client)
    assert texts(result) == ["So", "[The answer was cut off: it reached its limit of tokens.]"]
    assert result.structured_content["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("begun", [(), (TextDelta("A word"),)])
async def test_a_model_without_a_sign_of_life_is_stopped(begun: tuple[TextDelta, ...]) -> None:
    stage = Stage(settings=AutoSettings(progress_timeout=0.05))
    playing = stage.own.script(*begun, anyio.Event())
    with anyio.fail_after(PATIENCE):
        async with stage.client() as client:
            result = await ask(client)
    assert result.is_error
    assert playing.stopped.is_set()
    sentence, *rest = texts(result)
    assert sentence.startswith("gpt-oss-20b gave no sign of life for 0.05 seconds")
    assert [text.endswith("A word") for text in rest] == [True] * len(begun)
    assert stage.other.streams == []
    assert stage.record.outcome.error == sentence
    assert not stage.record.outcome.cancelled


@dataclass
class BrokenOff(FakeBackend):
    """Breaks the contract: no ``Done``."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        yield TextDelta("Half")


async def test_waiting_for_others_is_a_sign_of_life() -> None:
    stage = Stage(settings=AutoSettings(progress_timeout=0.05))
    gate = anyio.Event()
    queued = Progress("queue", "Waiting")
    playing = stage.own.script(queued, gate, replace(queued, finished=True), anyio.Event())
    with anyio.fail_after(PATIENCE):
        async with stage.client() as client, anyio.create_task_group() as tasks:

            async def let_others_end() -> None:
                await playing.started.wait()
                with anyio.move_on_after(0.2):
                    await playing.stopped.wait()
                assert not playing.stopped.is_set()
                gate.set()

            tasks.start_soon(let_others_end)
            assert "no sign of life" in failure(await ask(client))


async def test_a_stream_that_ends_without_its_end_is_no_answer() -> None:
    stage = Stage(own=BrokenOff("gptoss_20b", readiness=ready(OWN)))
    async with stage.client() as client:
        result = await ask(client)
    assert texts(result)[0] == "The answer of gpt-oss-20b broke off. Try again."


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("Start it with `x`, or choose another mode.", "Start it with `x`."),
        ("Send the message again, or choose another model.", "Call again."),
        ("Then send the message again.", "Then call again."),
        ("Start a new session, or raise num_ctx.", "Send a shorter prompt, or raise num_ctx."),
    ],
)
async def test_a_client_is_not_told_what_only_a_session_can_do(advice: str, told: str) -> None:
    stage = Stage()
    stage.own.readiness = NOT_READY
    stage.other.readiness = Readiness(False, f"Ollama does not answer. {advice}")
    async with stage.client() as client:
        assert failure(await ask(client)).endswith(f"ollama: Ollama does not answer. {told}")
        stage.other.readiness = ready(*OTHERS)
        stage.other.script(TextDelta("Half"), BackendError(f"It ended. {advice}"))
        assert texts(await ask(client))[0] == f"It ended. {told}"
