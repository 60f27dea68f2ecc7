"""Cancels before, during and after a delegation."""

import anyio
import pytest

from acp_agent.backends.base import TextDelta
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import BackendError
from acp_agent.routing.gates import Load
from acp_agent.turn.calls import CANCELLED, CUT_OFF
from acp_agent.turn.output import ShownCall
from tests.turn.auto.talk import HEAVY, LIGHT, AutoTalk, cancelled, generates, says
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio


class StuckOutput(FakeOutput):
    """An editor that takes no call in the state ``status`` any more."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self.status = status
        self.stuck = anyio.Event()

    async def show(self, call: ShownCall) -> None:
        if call.status == self.status and not self.stuck.is_set():
            self.stuck.set()
            await anyio.Event().wait()
        await super().show(call)


async def test_before_the_decision() -> None:
    talk = AutoTalk(settings=AutoSettings(propose="always"))
    proposing = talk.small.script(anyio.Event())
    await cancelled(talk, HEAVY, proposing.started.wait)
    assert proposing.stopped.is_set()
    assert not talk.output.shown
    assert not talk.large.streams
    assert talk.history == [UserMessage(HEAVY)]  # as in every mode
    assert talk.record.outcome.cancelled
    assert (talk.record.effective, talk.record.outcome.error) == ("", None)
    talk.check()
    await talk.go_on()


async def test_while_the_engine_is_asked_what_it_does() -> None:
    talk = AutoTalk()
    asked = anyio.Event()

    async def ask(model: str) -> Load:
        asked.set()
        await anyio.Event().wait()
        raise AssertionError

    read_load, talk.services.read_load = talk.services.read_load, ask
    await cancelled(talk, HEAVY, asked.wait)
    assert talk.record.outcome.cancelled
    assert talk.history == [UserMessage(HEAVY)]
    talk.services.read_load = read_load
    await talk.go_on()


async def test_before_the_first_token() -> None:
    talk = AutoTalk()
    playing = talk.large.script(anyio.Event())
    await cancelled(talk, HEAVY, playing.started.wait)
    assert playing.stopped.is_set()
    assert talk.output.cut_off == {talk.delegation}
    assert talk.output.branches[0].is_closed
    assert talk.history == [UserMessage(HEAVY)]
    assert talk.record.outcome.cancelled
    assert talk.record.outcome.error is None
    talk.check()
    await talk.go_on()


async def test_in_the_middle_of_the_answer() -> None:
    talk = AutoTalk()
    said = anyio.Event()
    talk.output = SayingOutput(said)
    playing = talk.large.script(TextDelta("Half."), anyio.Event(), TextDelta("never"))
    await cancelled(talk, HEAVY, said.wait)
    assert playing.stopped.is_set()
    assert talk.output.cut_off == {talk.delegation}
    assert talk.history == [UserMessage(HEAVY), AssistantMessage("Half.", interrupted=True)]
    assert talk.record.outcome.cancelled
    assert talk.record.outcome.stop_reason is None
    talk.check()
    await talk.go_on()


class SayingOutput(FakeOutput):
    """Tells when a call's text says that an answer begins."""

    def __init__(self, said: anyio.Event) -> None:
        super().__init__()
        self.said = said

    async def show(self, call: ShownCall) -> None:
        await super().show(call)
        if any("is answering" in getattr(part, "text", "") for part in call.content):
            self.said.set()


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_when_the_answer_is_over_and_its_call_is_not(status: str) -> None:
    talk = AutoTalk()
    talk.output = output = StuckOutput(status)
    end = [BackendError("It ended.")] if status == "failed" else []
    playing = talk.large.script(*says("Done."), *end)
    await cancelled(talk, HEAVY, output.stuck.wait)
    assert playing.stopped.is_set()
    assert talk.output.cut_off == {talk.delegation}
    answer = AssistantMessage("Done.", interrupted=status == "failed")
    assert talk.history == [UserMessage(HEAVY), answer]
    assert talk.record.outcome.cancelled
    talk.check()
    await talk.go_on()


async def test_after_the_turn_nothing_is_left_to_cancel() -> None:
    talk = AutoTalk()
    async with anyio.create_task_group() as tasks:
        await talk.say(HEAVY)
        tasks.cancel_scope.cancel()
    assert not talk.record.outcome.cancelled
    assert talk.record.outcome.stop_reason == "end_turn"
    assert talk.output.cut_off == set()
    talk.check()


async def test_a_call_before_it_is_made() -> None:
    talk = AutoTalk()
    talk.output = output = StuckOutput("in_progress")
    talk.small.script(generates(HEAVY))
    await cancelled(talk, LIGHT, output.stuck.wait)
    [result] = talk.results
    assert result.text == CANCELLED
    assert not talk.large.streams
    [call] = talk.calls()
    assert call.outcome.cancelled
    assert call.effective == ""
    assert talk.output.cut_off == {"c1"}
    talk.check()
    await talk.go_on()


async def test_a_call_while_it_runs() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    playing = talk.large.script(TextDelta("Half."), anyio.Event())
    await cancelled(talk, LIGHT, playing.started.wait)
    assert playing.stopped.is_set()
    [result] = talk.results
    assert result.failed
    assert result.text == CUT_OFF
    assert talk.history[-1] == AssistantMessage("Half.", interrupted=True)  # it was read
    assert talk.output.cut_off == {"c1"}
    assert [each.outcome.cancelled for each in talk.log.records] == [True, True]
    assert talk.services.ended == [f"s1.{each.id}" for each in talk.calls()]
    talk.check()
    await talk.go_on()


async def test_a_server_that_does_not_forget_holds_no_cancel() -> None:
    talk = AutoTalk()

    async def hang(session: str) -> None:
        await anyio.Event().wait()

    talk.services.forget = hang
    talk.small.script(generates(HEAVY))
    playing = talk.large.script(anyio.Event())
    await cancelled(talk, LIGHT, playing.started.wait)
    assert all(each.outcome.cancelled for each in talk.log.records)
    talk.check()
    await talk.go_on()


async def test_servers_forget_delegations_after_the_turn() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY, "c1"), generates(f"{HEAVY} Again.", "c2"))
    await talk.say(LIGHT)
    assert talk.forgotten == []
    await talk.services.forget_ended()
    assert sorted(talk.forgotten) == sorted(f"s1.{each.id}" for each in talk.calls())
    assert talk.services.ended == []


async def test_a_call_after_its_end() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    talk.large.script(*says("Done."))
    ending = talk.small.script(anyio.Event())
    await cancelled(talk, LIGHT, ending.started.wait)
    [result] = talk.results
    assert not result.failed
    assert "Done." in result.text
    assert talk.output.statuses("c1")[-1] == "completed"
    [call] = talk.calls()
    [prompt] = talk.calls("prompt")
    assert not call.outcome.cancelled
    assert prompt.outcome.cancelled
    talk.check()
    await talk.go_on()
