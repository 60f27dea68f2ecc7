"""Leaving out: what goes first, what is kept, and that it stays as it was."""

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.conversation import (
    AssistantMessage,
    Message,
    ToolResult,
    UserMessage,
    estimate_tokens,
)
from acp_agent.sessions.context import Elision
from acp_agent.turn.elide import Room, cost, elide, last_prompt, plan
from tests.turn.conversations import check_pairs, conversations, make_round

USER = UserMessage("A question.")
ANSWER = AssistantMessage("An answer.")


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def test_what_fits_is_left_alone() -> None:
    talk: list[Message] = [USER, *make_round(0, 3000), ANSWER, USER]
    assert plan(talk, Elision(), Room(2000)) == Elision()
    assert elide(talk, Elision()) == talk


def test_old_outputs_go_first_and_are_said_to_be_gone() -> None:
    talk: list[Message] = [USER, *make_round(0, 3000), *make_round(1, 300), ANSWER, USER]
    planned = plan(talk, Elision(), Room(600))
    assert (planned.start, planned.pinned, set(planned.shortened)) == (0, None, {2})
    told = elide(talk, planned)
    assert told[2].text == (
        "[3000 bytes of output are left out here to save room. Call read_file again if needed.]"
    )
    assert told[4] == talk[4]
    check_pairs(told)


def test_outputs_that_are_short_are_not_shortened() -> None:
    talk: list[Message] = [USER, *make_round(0, 90), ANSWER, USER, ANSWER, USER]
    planned = plan(talk, Elision(), Room(cost([USER, ANSWER, USER], Elision())))
    assert (planned.start, planned.shortened) == (4, {})


def test_then_the_oldest_messages_go_up_to_a_prompt() -> None:
    talk: list[Message] = [USER, *make_round(0, 60), ANSWER, USER, ANSWER, USER]
    planned = plan(talk, Elision(), Room(cost([USER, ANSWER, USER], Elision()) - 1))
    assert elide(talk, planned) == [USER]
    planned = plan(talk, Elision(), Room(cost([USER, ANSWER, USER], Elision())))
    assert elide(talk, planned) == [USER, ANSWER, USER]


def test_within_a_long_turn_the_prompt_and_the_newest_rounds_are_kept() -> None:
    rounds = [make_round(number, 60) for number in range(20)]
    talk: list[Message] = [USER, ANSWER, UserMessage("Do it."), *chain(*rounds)]
    planned = plan(talk, Elision(), Room(200))
    told = elide(talk, planned)
    assert planned.pinned == 2
    assert told[0] == UserMessage("Do it.")
    assert told[1:] == list(chain(*rounds[-(len(told) - 1) // 2 :]))
    assert len(told) > 3
    check_pairs(told)


def test_the_next_prompt_stands_behind_what_was_kept() -> None:
    rounds = [make_round(number, 60) for number in range(20)]
    talk: list[Message] = [USER, *chain(*rounds)]
    planned = plan(talk, Elision(), Room(200))
    before = elide(talk, planned)
    talk += [ANSWER, UserMessage("And now?")]
    assert elide(talk, planned) == [*before, *talk[-2:]]


def test_the_newest_outputs_are_cut_where_nothing_else_can_go() -> None:
    talk: list[Message] = [USER, *make_round(0, 9000, 300, 9000)]
    planned = plan(talk, Elision(), Room(1000))
    told = elide(talk, planned)
    assert cost(talk, planned) <= 1000
    assert told[3] == talk[3]
    assert told[2].text.startswith("xxx")
    assert "bytes are left out here" in told[2].text
    assert len(told[2].text) > 1000
    assert plan(talk, planned, Room(500)) != planned


def test_a_prompt_that_is_too_long_stays() -> None:
    talk: list[Message] = [USER, ANSWER, UserMessage("x" * 9000)]
    planned = plan(talk, Elision(), Room(100))
    assert elide(talk, planned) == [talk[2]]
    assert plan(talk, planned, Room(50)) == planned


def test_a_summary_stands_before_what_is_kept_behind_the_preamble() -> None:
    talk: list[Message] = [USER, ANSWER, UserMessage("Next.")]
    told = elide(talk, Elision(2, summary="Said before."), "Facts.")
    assert told == [UserMessage("Facts.\n\nSaid before.\n\nNext.")]
    assert elide([ANSWER], Elision(), "Facts.") == [UserMessage("Facts."), ANSWER]


def test_room_for_a_summary_is_left_where_messages_go() -> None:
    talk: list[Message] = [USER, ANSWER, USER, ANSWER, USER]
    tokens = cost([USER, ANSWER, USER], Elision())
    assert plan(talk, Elision(), Room(tokens)).start == 2
    assert plan(talk, Elision(), Room(tokens, summary=1)).start == 4
    old = Elision(2, summary="x" * 30, newest=ANSWER)
    assert plan(talk, old, Room(tokens)).start == 4


def test_without_tools_results_take_no_room() -> None:
    talk: list[Message] = [USER, *make_round(0, 9000), ANSWER, USER]
    assert plan(talk, Elision(), Room(200, with_tools=False)) == Elision()


def test_an_elision_holds_while_what_it_rests_on_is_there() -> None:
    talk: list[Message] = [USER, ANSWER, USER, *make_round(0, 900), *make_round(1, 900)]
    planned = plan(talk, Elision(), Room(380))
    assert planned.pinned == 2
    assert planned.holds(talk)
    assert planned.holds([*talk, ANSWER])
    assert not planned.holds(talk[:2])
    assert not planned.holds([*talk[:2], *[UserMessage("Another.")] * 9])
    assert Elision().holds([])


@pytest.mark.parametrize(("messages", "index"), [([], None), ([ANSWER], None), ([USER, ANSWER], 0)])
def test_the_last_prompt_is_found(messages: list[Message], index: int | None) -> None:
    assert last_prompt(messages) == index


@given(conversations(), st.integers(300, 3000), st.integers(0, 100))
def test_after_it_all_fits_and_what_matters_is_there(
    talk: list[Message], tokens: int, summary: int
) -> None:
    planned = plan(talk, Elision(), Room(tokens, summary))
    told = elide(talk, planned)
    prompt = last_prompt(talk)
    assert prompt is not None
    assert talk[prompt] in told
    assert isinstance(told[0], UserMessage)
    check_pairs(told)
    last_calls = [m for m in talk if isinstance(m, AssistantMessage)]
    if last_calls and talk[-1] != talk[prompt]:
        assert last_calls[-1] in told
    newest = (
        sum(isinstance(m, ToolResult) for m in talk[talk.index(last_calls[-1]) :])
        if last_calls
        else 0
    )
    least = estimate_tokens(talk[prompt]) + 40 + 170 * newest + summary
    assert cost(talk, planned) <= max(tokens, least)


@given(conversations(), st.integers(100, 2000), st.lists(st.integers(0, 3000), max_size=6))
def test_until_the_next_step_prompts_begin_as_the_one_before(
    talk: list[Message], tokens: int, rounds: list[int]
) -> None:
    planned = replace(plan(talk, Elision(), Room(tokens)), summary="Before.")
    told = elide(talk, planned, "Facts.")
    for number, size in enumerate(rounds, start=1000):
        talk += make_round(number, size)
        longer = elide(talk, planned, "Facts.")
        assert longer[: len(told)] == told
        told = longer


@given(conversations(), st.lists(st.integers(50, 2000), max_size=4))
def test_steps_only_go_on(talk: list[Message], rooms: list[int]) -> None:
    elision = Elision()
    for number, tokens in enumerate(rooms):
        planned = plan(talk, elision, Room(tokens))
        assert planned.start >= elision.start
        assert planned.holds(talk)
        check_pairs(elide(talk, planned))
        assert plan(talk, planned, Room(max(tokens, cost(talk, planned)))) == planned
        elision = planned
        talk += [*make_round(2000 + number, 500), ANSWER, UserMessage("More.")]
