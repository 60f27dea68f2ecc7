"""Making room: when, how much, what the user and the model are told of it."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.conversation import (
    ToolCall,
    estimate_tokens,
)
from acp_agent.errors import BackendError, BackendUnavailable
from acp_agent.tools.base import Outcome
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import ended, fake, requests, saying
from tests.turn.conversations import check_pairs
from tests.turn.talk import Talk

pytestmark = pytest.mark.anyio

WINDOW = 8192
PLAIN = Model("plain", "Plain", context_size=WINDOW)
CALLER = Model("caller", "Caller", context_size=WINDOW, tools="native")
SUMMARY = "[What was said and done before, summed up to save room:]\nWe did much."


def size_of(request: ModelRequest) -> int:
    return sum(map(estimate_tokens, request.messages))


def calling(number: int) -> Sequence[Event]:
    return [ToolCallRequested(ToolCall(f"c{number}", "look", f'{{"at": "{number}"}}')), Done()]


def summing_up(talk: Talk) -> list[Progress]:
    return [event for event in talk.output.events if isinstance(event, Progress)]


async def fill(talk: Talk, count: int, prompt: str = "p" * 3100) -> None:
    for number in range(count):
        await talk.say(f"{number} {prompt}")


async def test_a_full_window_is_summed_up_by_the_model_and_the_user_is_told() -> None:
    backend = fake(*(saying("a") for _ in range(5)), saying("We did ", "much."), models=[PLAIN])
    talk = Talk(backend)
    await fill(talk, 5)
    assert not talk.output.notices
    await talk.say("5 " + "p" * 3100)
    asked, answered = requests(backend)[5:]
    assert asked.messages[:-1] == requests(backend)[4].messages[: len(asked.messages) - 1]
    assert asked.prompt.startswith("Sum up our conversation")
    assert (asked.max_tokens, asked.session) == (512, "s1")
    assert answered.messages[0].text.startswith(f"{SUMMARY}\n\n")
    assert size_of(answered) <= WINDOW // 2
    assert answered.messages[-1].text == "5 " + "p" * 3100
    (notice,) = talk.output.notices
    assert "oldest messages" in notice
    assert "plain and are summed up from now on" in notice
    assert [step.finished for step in summing_up(talk)] == [False, True]


async def test_the_figures_of_the_summary_go_out_with_the_window() -> None:
    summing: list[Event] = [TextDelta("Much."), Usage(5000, 7), Done()]
    talk = Talk(fake(*(saying("a") for _ in range(5)), summing, models=[PLAIN]))
    await fill(talk, 6)
    assert Usage(5000, 7, WINDOW) in talk.output.events


async def test_after_it_prompts_only_grow_until_the_next_step() -> None:
    backend = fake(models=[PLAIN])
    talk = Talk(backend)
    await fill(talk, 12)
    asked = requests(backend)
    steps = [index for index, each in enumerate(asked) if each.prompt.startswith("Sum up")]
    assert len(steps) == 2
    for index in range(1, len(asked)):
        if index not in steps and index - 1 not in steps:
            before = asked[index - 1].messages
            assert asked[index].messages[: len(before)] == before
    assert len(talk.output.notices) == 2


async def test_old_outputs_alone_are_shortened_without_a_summary(tmp_path: Path) -> None:
    rounds = [calling(number) for number in range(9)]
    backend = fake(*rounds, saying("Done."), models=[CALLER])
    tool = FakeTool(outcomes=[Outcome("x" * 3000) for _ in range(9)])
    talk = Talk(backend, tools=[tool], root=tmp_path)
    assert await talk.say("Look everywhere.") == "end_turn"
    asked = requests(backend)
    assert len(asked) == 10
    for request in asked:
        check_pairs(request.messages)
        assert size_of(request) <= WINDOW * 3 // 4
        assert request.messages[0].text.endswith("Look everywhere.")
        assert request.messages[0] == asked[0].messages[0]
        assert (request.tools, request.instructions) == (asked[0].tools, asked[0].instructions)
    texts = [message.text for message in asked[-1].messages]
    assert sum("3000 bytes of output are left out" in text for text in texts) >= 2
    assert texts[-1] == "x" * 3000
    (notice,) = talk.output.notices
    assert notice.startswith("Older tool outputs of this session do not fit the context window")


async def test_a_turn_of_very_many_rounds_goes_on_with_a_summary(tmp_path: Path) -> None:
    count = 45
    backend = fake(models=[CALLER])
    for number in range(count):
        text = TextDelta("t" * 600)
        backend.script(text, *calling(number))
    tool = FakeTool(outcomes=[Outcome("x" * 600) for _ in range(count)])
    talk = Talk(backend, tools=[tool], root=tmp_path)
    await talk.say("Do it all.")
    for request in requests(backend):
        check_pairs(request.messages[:-1] if request.prompt != "Do it all." else request.messages)
        assert size_of(request) <= WINDOW * 3 // 4
        assert any("Do it all." in message.text for message in request.messages[:1])
    summed = [each for each in requests(backend) if each.prompt.startswith("Sum up")]
    assert summed
    assert len(summed) == len([step for step in summing_up(talk) if step.finished])


async def test_a_summary_that_fails_is_done_without_and_said() -> None:
    backend = fake(*(saying("a") for _ in range(5)), models=[PLAIN])
    backend.script(TextDelta("We"), BackendError("It broke."))
    talk = Talk(backend)
    await fill(talk, 5)
    assert await talk.say("5 " + "p" * 3100) == "end_turn"
    assert talk.output.notices[1] == "They are left out without a summary. It broke."
    assert requests(backend)[-1].messages[0].text.startswith("4 p")
    assert [step.finished for step in summing_up(talk)] == [False, True]


async def test_a_summary_that_says_nothing_is_no_summary() -> None:
    backend = fake(*(saying("a") for _ in range(5)), [ThoughtDelta("hm"), Done()], models=[PLAIN])
    talk = Talk(backend)
    await fill(talk, 6)
    assert "The model said nothing." in talk.output.notices[1]


async def test_a_summary_is_cut_to_its_bounds() -> None:
    backend = fake(*(saying("a") for _ in range(5)), saying("w" * 90_000), models=[PLAIN])
    talk = Talk(backend)
    await fill(talk, 6)
    assert size_of(requests(backend)[-1]) <= WINDOW // 2


async def test_a_server_that_is_gone_is_the_error_and_nothing_is_left_out() -> None:
    backend = fake(*(saying("a") for _ in range(5)), models=[PLAIN])
    backend.script(BackendUnavailable("Start it."))
    talk = Talk(backend)
    await fill(talk, 5)
    with pytest.raises(BackendUnavailable):
        await talk.say("5 " + "p" * 3100)
    (context,) = talk.session.contexts.values()
    assert (context.elision.start, len(talk.history)) == (0, 10)


async def test_cancelling_the_summary_stops_the_model_and_leaves_all_as_it_was() -> None:
    gate = anyio.Event()
    backend = fake(*(saying("a") for _ in range(5)), [TextDelta("We"), gate], models=[PLAIN])
    talk = Talk(backend)
    await fill(talk, 5)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "5 " + "p" * 3100)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert ended(backend) == 6
    (context,) = talk.session.contexts.values()
    assert context.elision.start == 0
    assert talk.output.settled == 6


async def test_what_the_server_counted_decides_not_the_estimate() -> None:
    counting = [[TextDelta("a"), Usage(400 * (n + 1), 1, WINDOW), Done()] for n in range(8)]
    talk = Talk(fake(*counting, models=[PLAIN]))
    await fill(talk, 8)
    assert not talk.output.notices
    hungry = [[TextDelta("a"), Usage(3000 * (n + 1), 1, WINDOW), Done()] for n in range(2)]
    talk = Talk(fake(*hungry, models=[PLAIN]))
    await fill(talk, 3)
    assert "oldest messages" in talk.output.notices[0]


async def test_a_count_that_leaves_out_what_was_cached_is_not_believed() -> None:
    cached = [[TextDelta("a"), Usage(9, 1, WINDOW), Done()] for _ in range(6)]
    talk = Talk(fake(*cached, models=[PLAIN]))
    await fill(talk, 6)
    assert "oldest messages" in talk.output.notices[0]


async def test_after_a_step_what_was_counted_before_no_longer_holds() -> None:
    counting = [[TextDelta("a"), Usage(3000 * (n + 1), 1, WINDOW), Done()] for n in range(2)]
    talk = Talk(fake(*counting, models=[PLAIN]))
    await fill(talk, 3)
    assert len(talk.output.notices) == 1
    await talk.say("short")
    assert len(talk.output.notices) == 1
    shown = [event.input_tokens for event in talk.output.events if isinstance(event, Usage)]
    assert shown[:2] == [3000, 6000]
    assert max(shown[2:]) < WINDOW // 2


async def test_a_long_history_is_summed_up_as_far_as_a_small_window_holds() -> None:
    large, small = fake(mode="large"), fake(mode="small", models=[PLAIN])
    talk = Talk(large, small)
    await fill(talk, 20)
    talk.session.mode = "small"
    await talk.say("Go on.")
    asked, answered = requests(small)
    assert asked.prompt.startswith("Sum up")
    assert WINDOW // 4 < size_of(asked) <= WINDOW - 512
    assert size_of(answered) <= WINDOW // 2


@pytest.mark.parametrize(("window", "size"), [(WINDOW, 5000), (4000, 600)])
async def test_after_a_refused_turn_the_elision_of_it_is_taken_back(
    window: int, size: int, tmp_path: Path
) -> None:
    backend = fake(saying("Hi."), models=[Model("m", "M", context_size=window, tools="native")])
    for number in range(30):
        backend.script(TextDelta("t" * 200), *calling(number))
    backend.script(TextDelta("No."), Done("refusal"))
    tool = FakeTool(outcomes=[Outcome("x" * size) for _ in range(30)])
    talk = Talk(backend, tools=[tool], root=tmp_path)
    await talk.say("one")
    assert await talk.say("Look everywhere.") == "refusal"
    assert talk.output.notices
    await talk.say("Hello.")
    first, answer, last = requests(backend)[-1].messages
    assert first.text.endswith("one")
    assert (answer.text, last.text) == ("Hi.", "Hello.")
