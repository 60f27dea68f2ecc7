"""A panel's bounds: an editor that is behind, windows that are full, answers cut off."""

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Done, Event, ModelRequest, TextDelta, Usage
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.conversation import AssistantMessage, Message, UserMessage
from acp_agent.errors import BackendError, ContextOverflow
from acp_agent.sessions.context import Elision
from acp_agent.turn.output import ShownCall
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.output import FakeOutput
from tests.turn.panel.talk import QUESTION, PanelTalk, cancelled, member

pytestmark = pytest.mark.anyio


class HoldingOutput(FakeOutput):
    """An editor that takes nothing of a kind while ``gate`` is closed."""

    def __init__(self, held: str) -> None:
        super().__init__()
        self.held = held
        self.gate = anyio.Event()
        self.waiting = anyio.Event()

    async def emit(self, event: Event) -> None:
        if self.held == "text" and isinstance(event, TextDelta) and self.events:
            self.waiting.set()
            await self.gate.wait()
        await super().emit(event)

    async def show(self, call: ShownCall) -> None:
        if self.held == "ends" and call.content:
            self.waiting.set()
            await self.gate.wait()
        await super().show(call)

    def branch(self, source: Any, *, counts: bool = False) -> FakeOutput:
        branch = HoldingOutput(self.held)
        branch.gate, branch.waiting, branch.source = self.gate, self.waiting, source
        self.branches.append(branch)
        return branch


async def test_cancel_in_the_middle_of_the_answer() -> None:
    talk = PanelTalk("one", "two", "three")
    held = talk.output = HoldingOutput("text")
    text = "word " * 1000
    talk.script(one=text, two=text, three="other")
    await cancelled(talk, held.waiting.wait)
    assert talk.history == [UserMessage(QUESTION), AssistantMessage(text[:2000], interrupted=True)]
    talk.check()


async def test_an_editor_that_is_behind_keeps_nobody_from_answering() -> None:
    talk = PanelTalk("one", "two", "three")
    held = talk.output = HoldingOutput("ends")
    rest = anyio.Event()
    pieces = [TextDelta(f"{index} ") for index in range(2000)]
    plans = [
        talk[name].script(*pieces[:100], rest, *pieces[100:], Done())
        for name in ("one", "two", "three")
    ]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say)
            await held.waiting.wait()
            rest.set()
            for each in plans[:2]:
                await each.stopped.wait()
            assert len(held.shown) == 3
            held.gate.set()
    # Only the latest states were kept for it: at most the one that was held, and the end.
    assert len(held.shown) <= 3 + 3 * 2
    assert set(talk.statuses.values()) == {"completed"}
    assert talk.history[-1].text.startswith("0 1 2")
    talk.check()


class Narrow(FakeBackend):
    """A server that takes no more than so many messages."""

    limit: int = 5

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        if len(request.messages) > self.limit:
            raise ContextOverflow("Too long.")
        async for event in FakeBackend.stream(self, request):
            yield event


def long_history() -> list[Message]:
    """Four turns."""
    messages: list[Message] = []
    for number in range(4):
        messages.append(UserMessage(f"Question {number}: {'x' * 300}"))
        messages.append(AssistantMessage(f"Answer {number}: {'y' * 300}"))
    return messages


async def test_samples_make_room_together() -> None:
    backend = Narrow("one", readiness=member("one", None).readiness)
    talk = PanelTalk(backends=[backend], settings=PanelSettings(samples=3))
    talk.history.extend(long_history())
    assert await talk.say() == "end_turn"
    told = {len(each.request.messages) for each in backend.streams if each.request}
    assert told == {3}  # halved once, not once a sample
    cuts = [each for each in talk.output.notices if "do not fit" in each]
    assert len(cuts) == 1
    talk.check()


@pytest.mark.parametrize(("limit", "is_told"), [(0, True), (5, False)])
async def test_a_prompt_that_nobody_takes_leaves_everything_told(limit: int, is_told: bool) -> None:
    backend = Narrow("one", readiness=member("one", None).readiness)
    talk = PanelTalk(backends=[backend], settings=PanelSettings(samples=2))
    talk.history.extend(long_history())
    backend.limit = limit
    for _ in range(2):
        backend.script(TextDelta("4"), BackendError("It is too long a wait."))
    with pytest.raises(BackendError, match="too long"):
        await talk.say()
    [context] = talk.session.contexts.values()
    assert (context.elision == Elision()) == is_told
    assert len(talk.history) == 8


async def test_what_was_counted_is_known_for_the_next_panel() -> None:
    talk = PanelTalk("one", "two", "three")
    talk.script(one="It is, as I said before, 42.", two="42", three="41")
    await talk.say()
    assert talk.record.winner == "one"
    measured = {key[0]: each.measured for key, each in talk.session.contexts.items()}
    assert measured["one"] is not None
    assert measured["one"].tokens == Usage(100, 10).input_tokens + 10
    assert measured["three"] is not None
    assert measured["three"].tokens != 110
    assert measured["three"].count == 1
