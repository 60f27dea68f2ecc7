"""Proposals that cannot be used: the rubric decides alone then, and the log says why."""

import json

import anyio
import anyio.lowlevel
import pytest

from acp_agent.backends.base import Done, Progress, TextDelta
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import BackendError
from acp_agent.routing.proposal import SIZE_LIMIT
from acp_agent.turn.auto import turn
from tests.fixtures.fake_backend import Playing
from tests.turn.auto.talk import (
    DOWN,
    HEAVY,
    LARGE,
    LIGHT,
    NO_OLLAMA,
    SMALL,
    AutoTalk,
    large_backend,
    says,
    small_backend,
    unready,
)

pytestmark = pytest.mark.anyio

ALWAYS = AutoSettings(propose="always")
IMPATIENT = AutoSettings(propose="always", propose_timeout=0.01)


def proposal(**changes: object) -> str:
    fields: dict[str, object] = {
        "task_class": "code_generation",
        "candidate": "gptoss_20b",
        "reason_code": "needs_delegation",
        "confidence": 0.9,
    }
    return json.dumps(fields | changes)


MALFORMED = {
    "empty": "",
    "prose": "I would delegate this to gptoss_20b.",
    "broken": '{"candidate": "gptoss_20b", "task_class": ',
    "unknown candidate": proposal(candidate="gpt-5"),
    "unknown task": proposal(task_class="everything"),
    "unknown reason": proposal(reason_code="because"),
    "confidence": proposal(confidence=7),
    "contradiction": proposal(candidate="local"),
    "list": "[1, 2]",
    "oversized": " " * SIZE_LIMIT + proposal(),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(("prompt", "effective"), [(LIGHT, SMALL), (HEAVY, LARGE)])
async def test_a_malformed_proposal_never_acts(text: str, prompt: str, effective: str) -> None:
    talk = AutoTalk(settings=ALWAYS)
    for _ in range(2):
        talk.small.script(*says(text))

    assert await talk.say(prompt) == "end_turn"

    record = talk.record
    assert record.effective == effective
    assert record.proposal is None
    assert record.proposal_problem
    assert record.proposal_problem.endswith(".")
    assert not talk.output.notices
    assert text.strip() not in talk.output.text or not text.strip()
    assert talk.history == [UserMessage(prompt), AssistantMessage("ok")]
    talk.check()


async def test_a_sound_proposal_is_logged_and_shown() -> None:
    talk = AutoTalk(settings=ALWAYS)
    talk.small.script(*says(proposal()))
    await talk.say(HEAVY)
    assert talk.record.proposal is not None
    assert talk.record.proposal_problem is None
    assert talk.output.shown[0].title == "gptoss.generate: GPT-OSS 20B, code generation"


async def test_a_proposal_that_contradicts_a_sure_rubric_is_only_noted() -> None:
    talk = AutoTalk(settings=ALWAYS)
    talk.small.script(*says(proposal()))
    await talk.say(LIGHT)
    assert talk.record.effective == SMALL
    assert "the small model disagrees" in talk.record.decision.reason


@pytest.mark.parametrize(("prompt", "effective"), [(LIGHT, SMALL), (HEAVY, LARGE)])
async def test_the_small_model_hangs_at_proposing(prompt: str, effective: str) -> None:
    talk = AutoTalk(settings=IMPATIENT)
    hanging = talk.small.script(anyio.Event())
    with anyio.fail_after(5):
        assert await talk.say(prompt) == "end_turn"
    assert hanging.stopped.is_set()
    record = talk.record
    assert record.proposal_problem == "The small model took longer than 0.01 s to propose."
    assert record.effective == effective
    assert record.skipped == []
    talk.check()


async def test_the_mode_is_switched_while_the_small_model_proposes() -> None:
    talk = AutoTalk(settings=ALWAYS)
    await talk.say(LIGHT)
    gate = anyio.Event()
    proposing = talk.small.script(gate, *says(proposal()))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, HEAVY)
            await proposing.started.wait()
            talk.services.watch.mode_chosen(talk.session.id, "auto", "ollama")
            gate.set()
    before, record = talk.log.records
    assert (before.outcome.override, record.outcome.override) == (None, "ollama")
    assert talk.log.feedback == []  # it says nothing of the decision before


async def test_the_small_model_fails_at_proposing() -> None:
    talk = AutoTalk(settings=ALWAYS)
    talk.small.script(BackendError("Ollama ended."))
    assert await talk.say(LIGHT) == "end_turn"
    assert talk.record.proposal_problem == "Ollama ended."
    assert talk.record.effective == SMALL
    talk.check()


@pytest.mark.parametrize(
    ("settings", "prompt", "asks"),
    [
        (AutoSettings(propose="never"), LIGHT, False),
        (AutoSettings(propose="uncertain"), LIGHT, False),
        (AutoSettings(propose="uncertain"), HEAVY, False),
        (ALWAYS, LIGHT, True),
        (ALWAYS, f"Use gpt-oss: {LIGHT}", False),
    ],
)
async def test_when_the_small_model_is_asked(
    settings: AutoSettings, prompt: str, asks: bool
) -> None:
    talk = AutoTalk(settings=settings)
    await talk.say(prompt)
    asked = [each for each in talk.small.streams if _asks_for_object(each)]
    assert bool(asked) == asks


async def test_the_small_model_is_asked_where_the_rubric_is_uncertain() -> None:
    talk = AutoTalk(settings=AutoSettings(propose="uncertain"))
    await talk.say(LIGHT)
    score = talk.record.decision.score
    talk.services.threshold = lambda: score + 0.001  # now it is near
    talk.small.script(*says(proposal()))

    await talk.say(LIGHT)

    record = talk.log.records[-1]
    assert record.effective == LARGE
    assert record.decision.reason_code == "needs_delegation"
    assert "is near" in record.decision.reason


async def test_nobody_is_asked_where_only_one_could_answer() -> None:
    alone = AutoTalk(large=unready(large_backend(), DOWN), settings=ALWAYS)
    await alone.say(LIGHT)
    [stream] = alone.small.streams
    assert not _asks_for_object(stream)
    large = AutoTalk(unready(small_backend(), NO_OLLAMA), settings=ALWAYS)
    await large.say(LIGHT)
    assert large.record.proposal_problem is None
    assert not large.small.streams


async def test_the_levels_of_the_small_model_are_known_already() -> None:
    talk = AutoTalk(settings=ALWAYS)
    await talk.say(LIGHT)
    probes = talk.small.probes
    talk.small.script(TextDelta(proposal()), Done())
    await talk.say(LIGHT)
    assert talk.small.probes == probes


def _asks_for_object(stream: Playing) -> bool:
    return stream.request is not None and stream.request.response_schema is not None


async def test_a_proposal_that_takes_long_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PATIENCE_SECONDS", 0.0)
    talk = AutoTalk(settings=ALWAYS)
    gate = anyio.Event()
    asked = talk.small.script(gate, TextDelta("no object"))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            await asked.started.wait()
            while not talk.output.events:
                await anyio.lowlevel.checkpoint()
            gate.set()
    steps = [each for each in talk.output.events if isinstance(each, Progress)]
    assert [each.finished for each in steps] == [False, True]
