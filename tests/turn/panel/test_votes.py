"""Which answers count, how they are grouped, and the likeness of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.turn.panel.verdict import Answered
from acp_agent.turn.panel.votes import compare_texts, group_by_key, is_settled, sort_out

NAMES = ("a", "b", "c", "d")


def names(answers: tuple[Answered, ...]) -> str:
    return "".join(each.candidate for each in answers)


def test_answers_come_in_the_candidates_order_and_empty_ones_not_at_all() -> None:
    answers = [Answered("c", "3"), Answered("a", "1"), Answered("b", " \n"), Answered("x", "9")]
    ballots = sort_out(answers, NAMES)
    assert names(ballots.counted) == "acx"
    assert (ballots.given, ballots.left_out) == (3, ())


def test_an_answer_of_thoughts_only_is_empty() -> None:
    assert sort_out([Answered("a", "<think>hm</think>\n")], NAMES).counted == ()
    assert sort_out([Answered("a", "<think>Answer: 4", "max_tokens")], NAMES).counted == ()


def test_cut_off_answers_count_only_where_there_is_no_whole_one() -> None:
    cut = [Answered("a", "1", "max_tokens"), Answered("b", "2", "max_tokens")]
    refused = Answered("d", "no", "refusal")
    assert names(sort_out([*cut, refused], NAMES).counted) == "ab"
    with_whole = sort_out([*cut, refused, Answered("c", "3")], NAMES)
    assert names(with_whole.counted) == "c"
    assert with_whole.given == 4
    assert with_whole.left_out == ("a", "b", "d")
    assert names(sort_out([refused], NAMES).counted) == "d"


def test_groups_are_largest_first_and_the_earliest_of_equals() -> None:
    keys = {"a": "2", "b": "1", "c": None, "d": "1", "e": "2", "f": "3"}
    assert group_by_key(keys) == (("a", "e"), ("b", "d"), ("f",))


@pytest.mark.parametrize(
    ("groups", "outstanding", "settled"),
    [
        ([], 1, False),
        ([("a", "b", "c")], 2, True),
        ([("a", "b")], 2, False),
        ([("a", "b", "c"), ("d",)], 1, True),
        ([("a", "b"), ("c",)], 1, False),
        ([("a", "b"), ("c", "d")], 0, False),
    ],
)
def test_a_vote_is_settled_when_nobody_can_catch_up(
    groups: list[tuple[str, ...]], outstanding: int, settled: bool
) -> None:
    assert is_settled(groups, outstanding) == settled


def test_the_medoid_is_the_text_most_like_the_others() -> None:
    like = compare_texts(
        [
            Answered("a", "Bananas are yellow and grow in warm places"),
            Answered("b", "A lock keeps two threads from changing the same data at once"),
            Answered("c", "A lock keeps threads from changing the same data at the same time"),
            Answered("d", "The lock keeps two threads from writing the same data at once"),
        ]
    )
    assert like.medoid == "b"
    assert like.groups == (("b", "c", "d"), ("a",))


def test_texts_without_spaces_are_compared_by_pairs_of_characters() -> None:
    like = compare_texts(
        [
            Answered("a", "\u9999\u8549\u662f\u9ec4\u8272\u7684\u6c34\u679c"),
            Answered("b", "\u9501\u9632\u6b62\u4e24\u4e2a\u7ebf\u7a0b\u540c\u65f6\u5199"),
            Answered("c", "\u9501\u9632\u6b62\u7ebf\u7a0b\u540c\u65f6\u5199\u5165"),
        ]
    )
    assert like.groups[0] == ("b", "c")


@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_every_text_is_in_one_group_and_the_medoid_in_the_first(texts: list[str]) -> None:
    answers = [Answered(str(at), text) for at, text in enumerate(texts)]
    like = compare_texts(answers)
    assert like.medoid in like.groups[0]
    assert sorted(name for group in like.groups for name in group) == sorted(
        each.candidate for each in answers
    )
