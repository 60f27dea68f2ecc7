"""``first_valid`` and ``best_of``: who wins, and what the user is told."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from acp_agent.backends.structured import NoObject
from acp_agent.errors import ConfigError
from acp_agent.turn.panel.verdict import Answered, Ranking, TestRun
from tests.turn.panel.voting import LOCKS, FakeTester, answers, made, noted, python

pytestmark = pytest.mark.anyio


async def test_the_first_answer_that_parses_ends_the_panel() -> None:
    strategy = made("first_valid")
    count, verdict = await noted(strategy, python("def f(:"), "No code.", python("x = 1"))
    assert verdict is not None
    assert (count, verdict.winner, verdict.agreement) == (3, "c", 1 / 3)
    assert verdict.reason == "The first valid of 3 answers is shown. Its Python parses."


async def test_a_cut_off_answer_does_not_end_the_panel() -> None:
    strategy = made("first_valid")
    cut = Answered("a", python("x = 1"), "max_tokens")
    assert await strategy.note(cut) is None
    verdict = await strategy.decide([cut])
    assert verdict.winner == "a"


async def test_unchecked_answers_come_before_invalid_ones() -> None:
    verdict = await made("first_valid").decide(answers(python("("), "No code.", "None either."))
    assert (verdict.winner, verdict.groups) == ("b", (("b", "c"),))
    assert "could be checked" in verdict.reason
    assert "no code block" in verdict.reason


async def test_where_none_is_valid_the_first_is_shown_and_it_is_said() -> None:
    verdict = await made("first_valid").decide(answers(python("("), python("[")))
    assert (verdict.winner, verdict.agreement) == ("a", 0.0)
    assert verdict.reason.startswith("None of 2 answers is valid; the first is shown as it is.")
    assert (await made("first_valid").decide([])).winner is None


async def test_a_schema_decides(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text('{"type": "object", "required": ["n"]}')
    strategy = made("first_valid", validity="schema", answer_schema=str(file))
    count, verdict = await noted(strategy, "{}", "none", '{"n": 1}')
    assert verdict is not None
    assert (count, verdict.winner) == (3, "c")


async def test_a_test_decides_and_is_run_once_for_each_answer() -> None:
    tester = FakeTester(
        {
            "bad": TestRun(1, "no"),
            "slow": TestRun(None, problem="The test was stopped after 60 seconds."),
            "good": TestRun(0),
        }
    )
    strategy = made("first_valid", validity="test", run_test=tester)
    given = [python("slow"), python("bad"), "No code."]
    assert (await noted(strategy, *given))[1] is None
    verdict = await strategy.decide(answers(*given[:2]))
    assert verdict.reason.endswith("The test was stopped after 60 seconds.")
    assert (await strategy.decide(answers(*given))).winner == "c"
    assert tester.asked == ["slow", "bad"]
    _, verdict = await noted(strategy, python("good"))
    assert verdict is not None
    assert "passes the test" in verdict.reason


@pytest.mark.parametrize(
    ("validity", "says"),
    [("schema", "panel.answer_schema names no file"), ("test", "no panel.test_command")],
)
def test_what_a_check_needs_is_asked_for_before_anybody_is(validity: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        made("first_valid", validity=validity)


class FakeHead:
    """Gives a judgement; keeps what it was shown."""

    def __init__(self, ranking: Ranking | NoObject) -> None:
        self.ranking = ranking
        self.shown: list[Sequence[str]] = []

    async def __call__(self, answers: Sequence[str]) -> Ranking | NoObject:
        self.shown.append(answers)
        return self.ranking


async def test_the_heads_highest_score_wins() -> None:
    head = FakeHead(Ranking(1, (2, 5, 8), "It is right."))
    strategy = made("best_of", ask_head=head)
    assert (await noted(strategy, *LOCKS[:3]))[1] is None
    verdict = await strategy.decide(answers(*LOCKS[:3]))
    assert verdict.winner == "c"
    assert verdict.reason == "The head gives it 8 of 10: It is right."
    assert (verdict.groups, verdict.agreement) == ((("b", "c"), ("a",)), 2 / 3)
    assert head.shown == [list(LOCKS[:3])]


async def test_of_equal_scores_the_heads_choice_wins() -> None:
    head = FakeHead(Ranking(2, (8, 5, 8), ""))
    verdict = await made("best_of", ask_head=head).decide(answers(*LOCKS[:3]))
    assert verdict.winner == "c"
    head = FakeHead(Ranking(1, (8, 5, 8), ""))
    verdict = await made("best_of", ask_head=head).decide(answers(*LOCKS[:3]))
    assert (verdict.winner, verdict.reason) == ("a", "The head gives it 8 of 10.")


@pytest.mark.parametrize("head", [None, FakeHead(NoObject("It took longer than 5 s."))])
async def test_without_a_judgement_the_answer_most_like_the_others_wins(
    head: FakeHead | None,
) -> None:
    verdict = await made("best_of", ask_head=head).decide(answers(*LOCKS))
    assert verdict.winner == "b"
    assert "The head gave no judgement" in verdict.reason
    assert ("longer than 5 s" in verdict.reason) == (head is not None)


async def test_the_head_is_not_asked_where_there_is_nothing_to_choose() -> None:
    head = FakeHead(NoObject("never"))
    strategy = made("best_of", ask_head=head)
    same = await strategy.decide(answers("yes, it is", " yes, it is\n"))
    assert (same.winner, same.agreement, same.reason) == ("a", 1.0, "All answers are the same.")
    assert (await strategy.decide(answers("", "one"))).winner == "b"
    assert (await strategy.decide(answers("", ""))).winner is None
    assert head.shown == []


async def test_cut_off_answers_are_kept_from_the_head() -> None:
    head = FakeHead(NoObject("no"))
    given = [Answered("a", "cut", "max_tokens"), Answered("b", "whole"), Answered("c", "also")]
    await made("best_of", ask_head=head).decide(given)
    assert head.shown == [["whole", "also"]]
