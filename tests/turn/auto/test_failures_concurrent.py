"""Two delegations at the same time: one fails, both are cancelled, both ask the user."""

from collections.abc import Sequence

import anyio
import pytest

from acp_agent.backends.base import TextDelta
from acp_agent.conversation import PlanStep
from acp_agent.errors import BackendError
from acp_agent.permissions import Option
from acp_agent.routing.gates import Load
from acp_agent.tools.actions import Action
from acp_agent.tools.base import Editor, Outcome
from acp_agent.turn.calls import CUT_OFF
from acp_agent.turn.output import ShownCall, Source
from tests.fixtures.fake_tool import FakeTool
from tests.turn.auto.talk import HEAVY, LIGHT, AutoTalk, cancelled, generates
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio

FETCH = Action("fetch", url="https://example.org/")


async def test_a_cancel_ends_both_of_two_delegations() -> None:
    talk = AutoTalk()
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    one, two = talk.large.script(anyio.Event()), talk.large.script(anyio.Event())

    async def both() -> None:
        await one.started.wait()
        await two.started.wait()

    await cancelled(talk, LIGHT, both)
    assert one.stopped.is_set()
    assert two.stopped.is_set()
    assert talk.output.cut_off == {"c1", "c2"}
    assert all(branch.is_closed for branch in talk.output.branches)
    assert [each.text for each in talk.results] == [CUT_OFF, CUT_OFF]
    assert all(each.outcome.cancelled for each in talk.log.records)
    assert len(talk.calls()) == 2
    assert sorted(talk.services.ended) == sorted(f"s1.{each.id}" for each in talk.calls())
    talk.check()
    await talk.go_on()


async def test_one_of_two_delegations_fails_and_the_other_goes_on() -> None:
    talk = AutoTalk()
    gate = anyio.Event()
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    failing = talk.large.script(TextDelta("Half."), BackendError("It ended."))
    going = talk.large.script(TextDelta("Wh"), gate, TextDelta("ole."))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            await failing.stopped.wait()
            await going.started.wait()
            while talk.output.statuses("c1")[-1] != "failed":
                await anyio.lowlevel.checkpoint()
            assert not going.stopped.is_set()
            assert talk.output.statuses("c2")[-1] == "in_progress"
            gate.set()
    one, two = talk.results
    assert one.failed
    assert "It ended." in one.text
    assert not two.failed
    assert "Whole." in two.text
    assert talk.output.statuses("c2")[-1] == "completed"
    assert sorted(str(each.outcome.error) for each in talk.calls()) == ["It ended.", "None"]
    assert talk.output.text == "ok"
    talk.check()
    await talk.go_on()


def two_that_fetch(*choices: str) -> tuple[AutoTalk, FakeTool]:
    """Two delegations that each make a call which is asked about."""
    outcomes = [Outcome("one"), Outcome("two")]
    tool = FakeTool("fetch", "fetch", outcomes=[*outcomes], action=FETCH)
    talk = AutoTalk(tools=[tool])
    talk.output = FakeOutput(choices=choices)
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    for id in ("f1", "f2"):
        talk.large.script(generates("x", id, name="fetch"))
    return talk, tool


async def test_the_user_is_asked_for_both_of_two_delegations() -> None:
    talk, tool = two_that_fetch("allow_once", "reject_once")
    with anyio.fail_after(5):
        assert await talk.say(LIGHT) == "end_turn"
    asked = [each for branch in talk.output.branches for each in branch.asked_calls]
    assert sorted(call.id for call, _, _ in asked) == ["f1", "f2"]
    assert not talk.output.asked_calls
    assert len(tool.calls) == 1
    assert [each.failed for each in talk.results] == [False, False]
    shown = [call for branch in talk.output.branches for call in branch.shown]
    statuses = [call.status for call in shown if call.status in ("completed", "failed")]
    assert sorted(statuses) == ["completed", "failed"]
    talk.check()


async def test_an_answer_for_the_session_holds_for_both_and_after() -> None:
    talk, tool = two_that_fetch("allow_always")
    with anyio.fail_after(5):
        await talk.say(LIGHT)
    assert len(tool.calls) == 2
    assert len(talk.session.grants) == 1
    talk.check()


async def test_a_cancel_while_the_user_is_asked() -> None:
    talk, tool = two_that_fetch()
    asked = anyio.Event()

    class Asking(FakeOutput):
        async def ask_call(
            self, call: ShownCall, options: Sequence[Option], reason: str
        ) -> str | None:
            asked.set()
            await anyio.Event().wait()

        def branch(self, source: Source, *, counts: bool = False) -> FakeOutput:
            asking = Asking()
            self.branches.append(asking)
            return asking

    talk.output = Asking()
    await cancelled(talk, LIGHT, asked.wait)
    assert not tool.calls
    assert not talk.session.consent.asking.locked()
    assert all(each.outcome.cancelled for each in talk.log.records)
    talk.check()
    await talk.go_on()


async def test_who_waits_for_a_delegation_of_the_same_turn_does_not_make_the_model_busy() -> None:
    talk = AutoTalk()
    talk.load = Load(waiting=1)
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    gate = anyio.Event()
    playing = [talk.large.script(gate), talk.large.script(gate)]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            for each in playing:
                await each.started.wait()
            gate.set()
    assert [each.skipped for each in talk.calls()] == [[], []]


async def test_a_delegation_without_a_plan_does_not_take_back_anothers() -> None:
    new = (PlanStep("new"),)

    async def plan(editor: Editor) -> Outcome:
        await other.started.wait()
        await editor.show_plan(new)
        return Outcome("Shown.")

    talk = AutoTalk(tools=[FakeTool("plan", outcomes=[plan])])
    talk.session.plan = (PlanStep("old"),)
    gate = anyio.Event()
    talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
    talk.large.script(generates("x", name="plan"))
    other = talk.large.script(gate, TextDelta("No plan."))
    talk.large.script(TextDelta("With a plan."))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, LIGHT)
            while "completed" not in (*talk.output.statuses("c1"), *talk.output.statuses("c2")):
                await anyio.lowlevel.checkpoint()
            gate.set()
    assert talk.session.plan == new
