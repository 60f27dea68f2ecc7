"""Panels in which candidates fail, are late, are left out, or are cancelled."""

import re
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Readiness,
    TextDelta,
)
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ConfigError
from acp_agent.turn.panel.asking import ANSWER_SIZE
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.panel.talk import NAMES, QUESTION, PanelTalk, cancelled, says

pytestmark = pytest.mark.anyio

HASTY = 0.02


def named(*names: str, **changes: Any) -> PanelTalk:
    """A panel of ``names`` with ``changes`` to its settings."""
    return PanelTalk(*names, settings=PanelSettings(members=list(names), **changes))


async def test_a_dead_candidate_costs_its_deadline_and_no_more() -> None:
    talk = named("one", "two", "three", deadline=HASTY)
    dead = talk["one"].script(TextDelta("4"), anyio.Event())
    talk.script(two="42", three="41")
    with anyio.fail_after(5):
        assert await talk.say() == "end_turn"
    assert dead.stopped.is_set()
    assert talk.outcomes["one"] == "late"
    assert talk.statuses["one"] == "failed"
    why = "It gave no whole answer within 0.02 seconds (panel.deadline)."
    assert talk.calls["Panel 1/3: Model One"] == why
    assert "2 of 3 answered, 1 agrees, 1 late" in talk.output.notices[-1]
    talk.check()
    await talk.go_on()


async def test_a_whole_answer_counts_though_its_stream_does_not_end() -> None:
    talk = named("one", "two", deadline=HASTY)
    talk["one"].script(TextDelta("42"), Done(), anyio.Event())
    talk.script(two="42")
    with anyio.fail_after(5):
        assert await talk.say() == "end_turn"
    assert talk.outcomes == {"one": "answered", "two": "answered"}
    talk.check()


@pytest.mark.parametrize("error", [BackendError("The disk is full."), RuntimeError("secret")])
async def test_a_candidate_that_fails_says_why(error: Exception) -> None:
    talk = named("one", "two", "three")
    talk["one"].script(TextDelta("4"), error)
    talk.script(two="42", three="42")
    assert await talk.say() == "end_turn"
    why = talk.calls["Panel 1/3: Model One"]
    assert "secret" not in why
    assert why == ("The disk is full." if isinstance(error, BackendError) else why)
    assert talk.outcomes["one"] == "failed"
    assert talk.record.candidates[0].problem == why
    talk.check()


async def test_an_endless_answer_is_given_up() -> None:
    talk = named("one", "two", quorum=1)
    endless = talk["one"].script(*[TextDelta("x" * 1024)] * (ANSWER_SIZE // 1024 + 10))
    await talk.say()
    assert talk.outcomes["one"] == "failed"
    assert len(endless.yielded) == ANSWER_SIZE // 1024 + 1
    assert endless.stopped.is_set()


async def test_a_stream_without_an_end_is_no_answer() -> None:
    talk = named("one", "two", quorum=1)
    talk.backends["one"] = _Endless("one", readiness=talk["one"].readiness)
    talk.modes.backends = talk.backends
    await talk.say()
    assert talk.calls["Panel 1/2: Model One"] == "It stopped without an end."


class _Endless(FakeBackend):
    """Its streams have no ``Done``."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        yield TextDelta("4")


async def test_nobody_answers() -> None:
    talk = named("one", "two")
    talk["one"].script(BackendError("The disk is full."))
    talk["two"].script(Done("max_tokens"))
    talk.session.disagreement = 0.5
    with pytest.raises(BackendError, match=r"No candidate.*one: The disk is full.*two: It reached"):
        await talk.say()
    assert talk.history == []
    assert talk.record.error is not None
    assert talk.session.disagreement is None
    talk.check()
    await talk.go_on()


async def test_the_same_problem_of_all_is_told_once() -> None:
    talk = PanelTalk(settings=PanelSettings(samples=3))
    for _ in range(3):
        talk.one.script(BackendError("The disk is full."))
    with pytest.raises(BackendError) as raised:
        await talk.say()
    assert "sample 1, sample 2, sample 3: The disk is full." in raised.value.message


async def test_a_quorum_that_cannot_be_reached_ends_the_others() -> None:
    talk = named(*NAMES, quorum=4)
    for name in NAMES[:2]:
        talk[name].script(BackendError("It is off."))
    rest = [talk[name].script(TextDelta("4"), anyio.Event()) for name in NAMES[2:]]
    with anyio.fail_after(5), pytest.raises(BackendError, match=r"0 of 5|No candidate"):
        await talk.say()
    assert all(each.stopped.is_set() for each in rest)
    assert "too few candidates are left" in talk.calls["Panel 5/5: Model Five"]
    assert talk.history == []


async def test_fewer_answers_than_the_quorum_are_no_vote() -> None:
    talk = named("one", "two", "three", deadline=HASTY)
    talk.script(one="42")
    talk["two"].script(anyio.Event())
    talk["three"].script(anyio.Event())
    with anyio.fail_after(5), pytest.raises(BackendError) as raised:
        await talk.say()
    assert raised.value.message.startswith("1 of 3 candidates answered, and 2 answers are needed")
    assert "panel.quorum" in raised.value.message


async def test_answers_that_the_quorum_waits_for_are_counted_too() -> None:
    talk = named(*NAMES, quorum=5)
    talk.script(one="42", two="42", three="42", four="41", five="40")
    assert await talk.say() == "end_turn"
    assert "5 of 5 answered, 3 agree (majority)" in talk.output.notices[-1]
    assert "3 of 5 answers say 42." in talk.output.notices[-1]
    assert (talk.record.agreement, talk.session.disagreement) == (0.6, 0.4)
    assert [len(group) for group in talk.record.groups] == [3, 1, 1]


async def test_answers_that_come_in_the_moment_of_the_decision_are_told_apart() -> None:
    talk = named(*NAMES)
    talk.script(**dict.fromkeys(NAMES, "42"))
    assert await talk.say() == "end_turn"
    found = re.search(r"(\d) agree(?:, (\d) not needed)? \(majority\)", talk.output.notices[-1])
    assert found is not None
    assert sum(int(each or 0) for each in found.groups()) == len(NAMES)
    talk.check()


async def test_the_user_is_told_that_the_head_of_the_settings_cannot_judge() -> None:
    talk = named("one", "two", strategy="best_of", head="nope")
    talk.script(one="42", two="41")
    assert await talk.say() == "end_turn"
    told = "Nobody can judge the answers. panel.head is nope: there is no mode 'nope'; there is "
    assert talk.output.notices[0].startswith(told)


async def test_a_decided_vote_waits_for_the_quorum() -> None:
    talk = named("one", "two", "three", quorum=3)
    gate = anyio.Event()
    talk.script(one="42", two="42")
    last = talk["three"].script(gate, *says("41"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.say)
        with anyio.fail_after(5):
            await anyio.wait_all_tasks_blocked()
        assert talk.statuses["two"] == "completed"
        assert not last.stopped.is_set()
        gate.set()
    assert list(talk.outcomes.values()) == ["answered"] * 3


async def test_more_than_can_be_asked_are_needed() -> None:
    settings = PanelSettings(members=["one", "two", "gone"], quorum=3)
    talk = PanelTalk("one", "two", settings=settings)
    with pytest.raises(BackendUnavailable, match=r"Only 2 candidates.*gone: there is no mode"):
        await talk.say()
    assert talk.history == []
    assert talk["one"].streams == []
    assert talk.record.error is not None


async def test_who_is_not_ready_is_left_out_with_the_reason() -> None:
    talk = named("one", "two", "three")
    talk["three"].readiness = Readiness(False, "Its server does not run: start it.")
    talk.script(one="42", two="42")
    assert await talk.say() == "end_turn"
    told = "Left out of the panel: three: Its server does not run: start it."
    assert talk.output.notices[0] == told
    assert talk.outcomes["three"] == "left_out"
    assert talk["three"].streams == []


async def test_nobody_is_ready() -> None:
    talk = named("one")
    talk["one"].readiness = Readiness(False, "Its server does not run: start it.")
    with pytest.raises(BackendUnavailable, match="one: Its server does not run: start it"):
        await talk.say()


async def test_refusals_are_no_answers() -> None:
    talk = named("one", "two", "three")
    for name in ("one", "two", "three"):
        talk[name].script(TextDelta("No."), Done("refusal"))
    assert await talk.say() == "refusal"
    assert talk.history == []
    assert talk.statuses == dict.fromkeys(["one", "two", "three"], "failed")


async def test_a_refusal_beside_a_failure_is_a_failure() -> None:
    talk = named("one", "two")
    talk["one"].script(TextDelta("No."), Done("refusal"))
    talk["two"].script(BackendError("The disk is full."))
    with pytest.raises(BackendError, match=r"one: It refused.*two: The disk is full"):
        await talk.say()


async def test_a_broken_setting_is_told() -> None:
    talk = named("one", "two", strategy="first_valid", validity="schema")
    with pytest.raises(ConfigError, match="answer_schema"):
        await talk.say()
    assert talk.history == []


async def test_cancel_ends_all_and_keeps_the_prompt() -> None:
    talk = named("one", "two", "three")
    plans = [talk[name].script(TextDelta("4"), anyio.Event()) for name in talk.backends]

    async def reached() -> None:
        for each in plans:
            await each.started.wait()

    await cancelled(talk, reached)
    assert talk.history == [UserMessage(QUESTION)]
    assert (talk.record.cancelled, talk.record.winner) == (True, "")
    assert list(talk.outcomes.values()) == ["cancelled"] * 3
    before = len(talk.output.shown), len(talk.output.events)
    await anyio.lowlevel.checkpoint()
    assert (len(talk.output.shown), len(talk.output.events)) == before
    assert all(branch.is_closed for branch in talk.output.branches)
    talk.check()
    await talk.go_on()
