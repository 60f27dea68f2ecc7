"""The strategy ``majority``: the answer that most candidates give.

Owns what is voted on (the extracted answer, or what code does when it is run), and the
likeness that takes its place where nothing can be extracted. Does not own reading answers
(``answers``), counting (``votes``), nor running code (``testing``).
"""

from collections.abc import Mapping, Sequence

from acp_agent.turn.panel.answers import Extracted, extract_answer
from acp_agent.turn.panel.verdict import Answered, RunTest, TestRun, Verdict
from acp_agent.turn.panel.votes import (
    Ballots,
    compare_texts,
    group_by_key,
    is_settled,
    sort_out,
)

NOTHING = "No candidate gave an answer."
_ONE = "There is only one answer."


class Majority:
    """Votes on the extracted answer. Implements ``verdict.Strategy``."""

    def __init__(self, candidates: Sequence[str], run_test: RunTest | None) -> None:
        self._candidates = tuple(candidates)
        self._run_test = run_test
        self._noted: list[Answered] = []
        self._runs: dict[Answered, TestRun] = {}

    async def note(self, answered: Answered) -> Verdict | None:
        """As ``Strategy.note``: over once no other answer can catch up."""
        self._noted.append(answered)
        vote = await self._count(self._noted)
        outstanding = len(set(self._candidates) - {each.candidate for each in self._noted})
        return vote.verdict() if vote.is_over(outstanding) else None

    async def decide(self, answers: Sequence[Answered]) -> Verdict:
        """As ``Strategy.decide``."""
        ballots = sort_out(answers, self._candidates)
        if not ballots.counted:
            return Verdict(None, (), 0.0, NOTHING)
        vote = await self._count(answers)
        return vote.verdict() if vote.groups else vote.by_likeness()

    async def _count(self, answers: Sequence[Answered]) -> "_Vote":
        ballots = sort_out(answers, self._candidates)
        found = {each.candidate: extract_answer(each.text) for each in ballots.counted}
        runs: dict[str, TestRun] = {}
        if self._run_test is not None:
            for each in ballots.counted:
                extracted = found[each.candidate]
                if extracted is not None and extracted.block is not None:
                    runs[each.candidate] = await self._test(each, extracted, self._run_test)
        return _Vote(ballots, found, runs)

    async def _test(self, answered: Answered, extracted: Extracted, run_test: RunTest) -> TestRun:
        """Each answer's code runs once."""
        if answered not in self._runs:
            assert extracted.block is not None
            self._runs[answered] = await run_test(extracted.block.code, extracted.block.language)
        return self._runs[answered]


class _Vote:
    """A count of ``ballots``: what was extracted of each, and how its code ran."""

    def __init__(
        self,
        ballots: Ballots,
        found: Mapping[str, Extracted | None],
        runs: Mapping[str, TestRun],
    ) -> None:
        self._ballots = ballots
        self._found = found
        self._runs = {name: run for name, run in runs.items() if run.did_run}
        self._problems = {name: run.problem for name, run in runs.items() if run.problem}
        groups = group_by_key({name: self._key(name) for name in found})
        # Code that passes comes before code that does not, however many agree on failing.
        ordered = tuple(sorted(groups, key=lambda group: not self._has_passed(group[0])))
        self._readable = sum(map(len, ordered))
        self.groups: tuple[tuple[str, ...], ...] = () if self._is_loose(ordered) else ordered

    def is_over(self, outstanding: int) -> bool:
        """Whether the first group wins whatever ``outstanding`` answers say.

        Cut-off answers do not end a vote, since whole ones would take their place, nor does
        code that failed, which code that passes would beat.
        """
        if not self.groups or self._ballots.counted[0].stop_reason != "end_turn":
            return False
        if self._runs and not self._has_passed(self.groups[0][0]):
            return False
        unreadable = len(self._ballots.counted) - self._readable
        stays_readable = self._readable >= unreadable + outstanding
        return stays_readable and is_settled(self.groups, outstanding)

    def verdict(self) -> Verdict:
        """The first group's earliest candidate wins."""
        group, given = self.groups[0], self._ballots.given
        reason = self._explain(group[0], len(group))
        return Verdict(group[0], self.groups, len(group) / given, reason)

    def by_likeness(self) -> Verdict:
        """The answer that is most like the others."""
        like = compare_texts(self._ballots.counted)
        given, count = self._ballots.given, len(like.groups[0])
        said = "The answers hold nothing that votes can be counted on"
        if 2 * self._readable >= len(self._ballots.counted):
            said = f"No two of the {given} answers agree"
        alike = f"{count} of {given} are alike" if count > 1 else "no two are alike"
        reason = f"{said}, so the one most like the others is shown; {alike}."
        if given == 1:
            reason = _ONE
        reason = self._add_notes(reason)
        return Verdict(like.medoid, like.groups, count / given, reason, is_by_likeness=True)

    def _key(self, name: str) -> str | None:
        run, extracted = self._runs.get(name), self._found[name]
        if run is not None:
            return f"run:{run.exit_code}:{run.output}" if run.exit_code is not None else "stopped"
        if extracted is None or (extracted.block is not None and self._runs):
            return None  # the code of others ran: what did not has no vote
        return extracted.key

    def _has_passed(self, name: str) -> bool:
        return name in self._runs and self._runs[name].has_passed

    def _is_loose(self, groups: Sequence[Sequence[str]]) -> bool:
        """Whether ``groups`` say little: most answers are in none, or they are texts or code
        that all differ, word for word."""
        counted = len(self._ballots.counted)
        if not groups or 2 * self._readable < counted:
            return True
        first = self._found[groups[0][0]]
        is_free = first is not None and first.kind in ("text", "code")
        return is_free and not self._runs and len(groups[0]) == 1 and counted > 1

    def _explain(self, winner: str, count: int) -> str:
        """How the vote went, in a sentence."""
        extracted, run, given = self._found[winner], self._runs.get(winner), self._ballots.given
        if run is not None:
            return self._add_notes(_explain_runs(run, count, given))
        shown = (
            "the same code"
            if extracted is None or extracted.block
            else extracted.shown.rstrip(". ")
        )
        if len(self._ballots.counted) == 1:
            said = _ONE if given == 1 else f"Only one of {given} answers counts."
        elif count == 1:
            said = f"No two of the {given} answers agree, so the first is shown: {shown}."
        elif any(len(each) == count for each in self.groups[1:]):
            said = f"{count} of {given} answers say {shown}, and as many say something else; the "
            said += "one that comes first is shown."
        else:
            said = f"{count} of {given} answers say {shown}."
        return self._add_notes(said)

    def _add_notes(self, said: str) -> str:
        """``said``, with what kept answers or tests from counting."""
        stop = self._ballots.counted[0].stop_reason
        if stop == "max_tokens":
            said += " All answers were cut off at their limit of tokens."
        elif stop == "refusal":
            said += " All candidates refused."
        elif self._ballots.left_out:
            count = len(self._ballots.left_out)
            said += f" {count} cut off or refused {'does' if count == 1 else 'do'} not count."
        for problem in dict.fromkeys(self._problems.values()):
            said += f" {problem}"
        return said


def _explain_runs(run: TestRun, count: int, given: int) -> str:
    if run.has_passed:
        same = " with the same output" if count > 1 else ""
        return f"The code of {count} of {given} answers passes the test{same}."
    if count == 1:
        return "No code passes the test, and each fails in its own way, so the first is shown."
    return f"No code passes the test; that of {count} of {given} answers fails in the same way."
