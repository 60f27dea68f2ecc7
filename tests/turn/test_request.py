"""One request: the figures that go out after it, and a prompt that cannot fit."""

from pathlib import Path

import pytest

from acp_agent.backends.base import Done, Event, Model, TextDelta, Usage
from acp_agent.conversation import estimate_text, estimate_tokens, estimate_tool
from acp_agent.errors import ContextOverflow
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.talk import Talk

pytestmark = pytest.mark.anyio

WINDOW = 8192
PLAIN = Model("plain", "Plain", context_size=WINDOW)
CALLER = Model("caller", "Caller", context_size=WINDOW, tools="native")


async def test_figures_go_out_after_every_request_with_the_window() -> None:
    counted: list[Event] = [TextDelta("a"), Usage(50, 7), Done()]
    talk = Talk(fake(saying("hello"), counted, models=[PLAIN]))
    await talk.say("x" * 300)
    await talk.say("one")
    shown = [event for event in talk.output.events if isinstance(event, Usage)]
    assert shown == [Usage(108, 9, WINDOW), Usage(50, 7, WINDOW)]
    record = talk.meter.record("end_turn")
    assert record is not None
    assert record.prompt_tokens == 50


async def test_an_answer_that_was_counted_is_not_estimated_again() -> None:
    counted: list[Event] = [TextDelta("a" * 3000), Usage(100, 600), Done()]
    talk = Talk(fake(counted, saying("a"), models=[PLAIN]))
    await talk.say("one")
    await talk.say("x" * 30)
    assert [event for event in talk.output.events if isinstance(event, Usage)][1:] == [
        Usage(100 + 600 + 18, 8, WINDOW)
    ]


async def test_estimates_count_all_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("A rule of the house. " * 40)
    backend = fake(models=[CALLER])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    await talk.say("one")
    (request,) = requests(backend)
    (shown,) = [event for event in talk.output.events if isinstance(event, Usage)]
    told = sum(map(estimate_tokens, request.messages)) + estimate_text(request.instructions)
    told += sum(map(estimate_tool, request.tools))
    assert abs(shown.input_tokens - told) <= 2


async def test_estimates_are_no_figures_of_the_turn() -> None:
    talk = Talk(fake(models=[PLAIN]))
    await talk.say("one")
    record = talk.meter.record("end_turn")
    assert record is not None
    assert record.prompt_tokens is None


async def test_a_prompt_that_cannot_fit_is_refused_with_the_figures_unasked() -> None:
    backend = fake(saying("fine"), models=[PLAIN])
    talk = Talk(backend)
    await talk.say("one")
    with pytest.raises(ContextOverflow, match=r"about 66,\d+ tokens.*plain holds 8,192"):
        await talk.say("x" * 200_000)
    assert len(requests(backend)) == 1
    assert len(talk.history) == 2


async def test_a_prompt_that_the_server_refuses_is_refused_with_the_figures() -> None:
    backend = fake([ContextOverflow("Too long.")], models=[PLAIN])
    talk = Talk(backend)
    with pytest.raises(ContextOverflow, match=r"Too long\. .* alone is too long\..*8,192"):
        await talk.say("x" * 30_000)
