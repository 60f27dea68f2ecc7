"""The strategy ``best_of``: the head model picks the answer.

Owns which answers the head sees, and what happens without its judgement. Does not own the
question to the head (``judge``) nor the likeness of texts (``votes``).
"""

from collections.abc import Sequence

from acp_agent.backends.structured import NoObject
from acp_agent.turn.panel.judge import BEST_SCORE
from acp_agent.turn.panel.majority import NOTHING
from acp_agent.turn.panel.verdict import Answered, AskHead, Ranking, Verdict
from acp_agent.turn.panel.votes import Ballots, compare_texts, sort_out


class BestOf:
    """The head's scores decide. Implements ``verdict.Strategy``."""

    def __init__(self, candidates: Sequence[str], ask_head: AskHead | None) -> None:
        self._candidates = tuple(candidates)
        self._ask_head = ask_head

    async def note(self, answered: Answered) -> Verdict | None:
        """As ``Strategy.note``: all answers are needed."""
        del answered
        return None

    async def decide(self, answers: Sequence[Answered]) -> Verdict:
        """As ``Strategy.decide``."""
        ballots = sort_out(answers, self._candidates)
        counted = ballots.counted
        if not counted:
            return Verdict(None, (), 0.0, NOTHING)
        texts = [each.text.strip() for each in counted]
        if len(texts) == 1:
            return _decide_for(counted[0].candidate, ballots, "It is the only answer.")
        if len(set(texts)) == 1:
            return _decide_for(counted[0].candidate, ballots, "All answers are the same.")
        ranking = NoObject("There is no head.")
        if self._ask_head is not None:
            ranking = await self._ask_head(texts)
        if isinstance(ranking, NoObject):
            medoid = compare_texts(counted).medoid
            reason = "The head gave no judgement, so the answer most like the others is shown."
            return _decide_for(medoid, ballots, f"{reason} {ranking.reason}")
        best = _find_best(ranking)
        said = f": {ranking.reason.rstrip('.')}" if ranking.reason else ""
        reason = f"The head gives it {ranking.scores[best]:g} of {BEST_SCORE}{said}."
        return _decide_for(counted[best].candidate, ballots, reason)


def _find_best(ranking: Ranking) -> int:
    """The highest score wins; of equal ones the head's choice, else the first."""
    top = max(ranking.scores)
    if ranking.scores[ranking.choice] == top:
        return ranking.choice
    return ranking.scores.index(top)


def _decide_for(winner: str, ballots: Ballots, reason: str) -> Verdict:
    """The verdict for ``winner``; who agrees with whom is told by the texts' likeness."""
    groups = compare_texts(ballots.counted).groups
    own = next(group for group in groups if winner in group)
    if ballots.counted[0].stop_reason == "max_tokens":
        reason += " All answers were cut off at their limit of tokens."
    return Verdict(winner, groups, len(own) / ballots.given, reason, is_by_likeness=True)
