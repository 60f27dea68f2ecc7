"""The strategy ``majority``: who wins, when the vote is over, and what the user is told."""

import pytest

from acp_agent.turn.panel.verdict import Answered, TestRun, Verdict
from tests.turn.panel.voting import LOCKS, FakeTester, answers, made, noted, python

pytestmark = pytest.mark.anyio


async def test_the_majority_wins_however_it_is_written() -> None:
    verdict = await made("majority").decide(
        answers("Answer: 7", "Answer: 1,000", "So it is **1000**.", "It comes to 1000.0")
    )
    assert verdict.winner == "b"
    assert verdict.groups == (("b", "c", "d"), ("a",))
    assert verdict.agreement == 0.75
    assert verdict.reason == "3 of 4 answers say 1,000."


async def test_a_tie_goes_to_the_earliest_whatever_the_order_of_arrival() -> None:
    given = answers("Answer: 1", "Answer: 2", "Answer: 2", "Answer: 1")
    verdict = await made("majority").decide([given[2], given[1], given[3], given[0]])
    assert verdict.winner == "a"
    assert verdict.groups == (("a", "d"), ("b", "c"))
    assert "as many say something else" in verdict.reason


async def test_where_no_two_agree_the_first_is_shown() -> None:
    verdict = await made("majority").decide(answers("Answer: 1", "Answer: 2", "Answer: 3"))
    assert (verdict.winner, verdict.agreement) == ("a", 1 / 3)
    assert verdict.reason == "No two of the 3 answers agree, so the first is shown: 1."


async def test_a_vote_is_over_once_nobody_can_catch_up() -> None:
    count, verdict = await noted(made("majority"), "Answer: 4", "Answer: 4", "Answer: 4")
    assert verdict is not None
    assert (count, verdict.winner, verdict.agreement) == (3, "a", 1.0)
    texts = ("Answer: 4", "Answer: 5", "Answer: 4", "Answer: 4")
    count, verdict = await noted(made("majority"), *texts)
    assert verdict is not None
    assert (count, verdict.winner) == (4, "a")
    _, verdict = await noted(made("majority"), "Answer: 4", "Answer: 5", "Answer: 4", "Answer: 5")
    assert verdict is None


async def test_cut_off_answers_do_not_end_a_vote_and_count_only_alone() -> None:
    strategy = made("majority")
    cut = answers("Answer: 4", "Answer: 4", "Answer: 4", "Answer: 4", stop="max_tokens")
    for answer in cut:
        assert await strategy.note(answer) is None
    verdict = await strategy.decide(cut)
    assert verdict.winner == "a"
    assert "All answers were cut off" in verdict.reason
    verdict = await strategy.decide([*cut, Answered("e", "Answer: 9")])
    assert (verdict.winner, verdict.agreement) == ("e", 0.2)
    assert verdict.reason == "Only one of 5 answers counts. 4 cut off or refused do not count."


async def test_empty_answers_count_for_nothing() -> None:
    verdict = await made("majority").decide(answers("", "  ", "Answer: 4"))
    assert (verdict.winner, verdict.agreement) == ("c", 1.0)
    assert verdict.reason == "There is only one answer."
    verdict = await made("majority").decide(answers("", ""))
    assert verdict == Verdict(None, (), 0.0, "No candidate gave an answer.")


async def test_free_form_answers_are_compared_by_their_words_and_it_is_said() -> None:
    strategy = made("majority")
    assert (await noted(strategy, *LOCKS))[1] is None
    verdict = await strategy.decide(answers(*LOCKS))
    assert verdict.winner == "b"
    assert (verdict.groups[0], verdict.agreement) == (("b", "c", "d"), 0.75)
    assert "nothing that votes can be counted on" in verdict.reason
    assert "3 of 4 are alike" in verdict.reason


async def test_texts_of_which_no_two_are_the_same_are_told_so() -> None:
    verdict = await made("majority").decide(answers("Blue", "Green", "Red"))
    assert verdict.reason == (
        "No two of the 3 answers agree, so the one most like the others is shown; no two are alike."
    )


async def test_a_number_in_a_few_of_many_free_form_answers_is_no_majority() -> None:
    strategy = made("majority")
    texts = ("Answer: 7", LOCKS[1], "Answer: 7", *LOCKS[2:])
    assert (await noted(strategy, *texts))[1] is None
    assert (await strategy.decide(answers(*texts))).winner in ("b", "c", "d")


async def test_code_that_does_the_same_when_run_agrees() -> None:
    tester = FakeTester(
        {
            "x": TestRun(0, "42"),
            "y": TestRun(0, "43"),
            "z": TestRun(0, "42"),
            "bad": TestRun(1, "boom"),
        }
    )
    strategy = made("majority", run_test=tester)
    texts = [python(code) for code in ("y", "x", "bad", "z")]
    assert (await noted(strategy, *texts))[1] is None
    verdict = await strategy.decide(answers(*texts))
    assert verdict.winner == "b"
    assert verdict.groups == (("b", "d"), ("a",), ("c",))
    assert verdict.reason == "The code of 2 of 4 answers passes the test with the same output."
    assert sorted(tester.asked) == ["bad", "x", "y", "z"]


async def test_code_that_passes_comes_before_many_that_fail() -> None:
    tester = FakeTester({"good": TestRun(0, "ok"), "bad": TestRun(1, "no")})
    texts = [python(code) for code in ("bad", "bad", "bad", "good")]
    strategy = made("majority", run_test=tester)
    assert (await noted(strategy, *texts[:3]))[1] is None
    verdict = await strategy.decide(answers(*texts))
    assert (verdict.winner, verdict.agreement) == ("d", 0.25)
    verdict = await strategy.decide(answers(*texts[:3]))
    assert verdict.winner == "a"
    assert (
        verdict.reason == "No code passes the test; that of 3 of 3 answers fails in the same way."
    )


async def test_where_no_test_can_run_code_is_compared_as_text_and_it_is_said() -> None:
    problem = "The session is read-only, so the tests did not run."
    run = TestRun(None, problem=problem, did_run=False)
    tester = FakeTester({"x": run, "y": run})
    verdict = await made("majority", run_test=tester).decide(
        answers(python("y"), python("x"), python("x"))
    )
    assert verdict.winner == "b"
    assert verdict.reason == f"2 of 3 answers say the same code. {problem}"
