"""Making room because the user asks for it: measured alike, and nothing goes unheard."""

import re
from pathlib import Path

import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    TextDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.conversation import ToolCall, UserMessage
from acp_agent.errors import BackendError, BackendUnavailable
from acp_agent.sessions.context import Elision
from acp_agent.tools.base import Outcome
from acp_agent.turn.choice import choose
from acp_agent.turn.compact import compact_now
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.talk import Talk

pytestmark = pytest.mark.anyio

WINDOW = 8192
PLAIN = Model("plain", "Plain", context_size=WINDOW)
CALLER = Model("caller", "Caller", context_size=WINDOW, tools="native")
FIGURES = re.compile(r"About ([\d,]+) tokens were in use, now ([\d,]+) of 8,192\.$")


async def compact(talk: Talk) -> str:
    return await compact_now(await choose(talk.session, talk.modes), talk.session, talk.output)


async def fill(talk: Talk, count: int = 5) -> None:
    for number in range(count):
        await talk.say(f"{number} " + "p" * 900)


def elision_of(talk: Talk) -> Elision:
    (context,) = talk.session.contexts.values()
    return context.elision


def figures_in(told: str) -> tuple[int, int]:
    found = FIGURES.search(told)
    assert found is not None, told
    before, after = (int(each.replace(",", "")) for each in found.groups())
    return before, after


async def test_the_user_can_have_it_done() -> None:
    backend = fake(*(saying("a" * 900) for _ in range(5)), saying("Much."), models=[PLAIN])
    talk = Talk(backend)
    await fill(talk)
    told = await compact(talk)
    before, after = figures_in(told)
    assert 3000 < before < 4000
    assert after < before // 2
    assert [event for event in talk.output.events if isinstance(event, Usage)][-1] == Usage(
        after, 0, WINDOW
    )
    assert "oldest messages of this session are summed up from now on." in told
    assert not talk.output.notices
    await talk.say("Next.")
    assert "Much." in requests(backend)[-1].messages[0].text
    assert talk.history[0] == UserMessage("0 " + "p" * 900)


async def test_both_figures_are_by_the_same_measure() -> None:
    """The estimate of what is left may be more than what the server counted of all."""
    counted = [[TextDelta("a" * 900), Usage(2100, 10, WINDOW), Done()] for _ in range(5)]
    talk = Talk(fake(*counted, saying("Much."), models=[PLAIN]))
    await fill(talk)
    before, after = figures_in(await compact(talk))
    assert before == 2110
    assert 300 < after < 500, "the estimate of what is left is about 650"


async def test_where_little_is_used_nothing_goes() -> None:
    backend = fake(*(saying("a" * 90) for _ in range(5)), models=[PLAIN])
    talk = Talk(backend)
    await fill(talk)
    told = await compact(talk)
    assert re.fullmatch(
        r"About 1,\d+ of 8,192 tokens are in use\. Nothing was left out: there is room enough\.",
        told,
    )
    assert elision_of(talk) == Elision()
    assert len(requests(backend)) == 5


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Model("unknown", "Unknown"), "context window is not known"),
        (Model("small", "Small", context_size=4000), "a window of 4,000 tokens is too small"),
    ],
)
async def test_no_message_goes_without_a_summary(model: Model, why: str) -> None:
    talk = Talk(fake(*(saying("a" * 400) for _ in range(3)), models=[model]))
    await fill(talk, 3)
    told = await compact(talk)
    assert told.startswith("There is nothing to leave out. Older messages stay: ")
    assert why in told
    assert elision_of(talk) == Elision()


@pytest.mark.parametrize("error", [BackendError("It broke."), BackendUnavailable("Start it.")])
async def test_a_summary_that_fails_leaves_everything(error: BackendError) -> None:
    talk = Talk(fake(*(saying("a" * 900) for _ in range(5)), [error], models=[PLAIN]))
    await fill(talk)
    with pytest.raises(BackendError, match=re.escape(error.message)) as raised:
        await compact(talk)
    assert elision_of(talk) == Elision()
    assert not talk.output.notices
    if not isinstance(error, BackendUnavailable):
        assert raised.value.message.startswith("Nothing was left out")


def looking(number: int) -> list[Event]:
    return [ToolCallRequested(ToolCall(f"c{number}", "look", f'{{"at": "{number}"}}')), Done()]


@pytest.mark.parametrize("window", [WINDOW, None])
async def test_old_outputs_go_first_and_need_no_summary(window: int | None, tmp_path: Path) -> None:
    model = Model("caller", "Caller", context_size=window, tools="native")
    backend = fake(*(looking(number) for number in range(5)), saying("Done."), models=[model])
    tool = FakeTool(outcomes=[Outcome("x" * 3000) for _ in range(5)])
    talk = Talk(backend, tools=[tool], root=tmp_path)
    await talk.say("Look everywhere.")
    told = await compact(talk)
    assert told.startswith("Older tool outputs of this session are shortened from now on.")
    elision = elision_of(talk)
    assert elision.start == 0
    assert elision.shortened
    assert len(requests(backend)) == 6


async def test_there_may_be_nothing_to_do() -> None:
    talk = Talk(FakeBackend())
    assert await compact(talk) == "There is nothing to leave out. About 0 tokens are in use."
    await talk.say("Hello.")
    assert "nothing to leave out" in await compact(talk)
