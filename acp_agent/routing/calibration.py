"""A threshold proposed from evidence: what users said, labelled prompts, or a share; pure.

Owns the choice of a threshold. Does not own the evidence (``decision_log``, files), nor
keeping what is proposed (``profile``).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from acp_agent.errors import InvalidParams
from acp_agent.routing.decisions import Logged
from acp_agent.routing.replay import Complaint, find_complaint, is_too_long
from acp_agent.routing.rubric import Weights, score_features

WEIGHT: dict[Complaint | None, float] = {"wrong": 1.0, "overridden": 0.5, None: 0.2}
"""What a decision counts. Silence is weak evidence that it was right; choosing another
mode by hand may have had other reasons."""
FEW = 10
"""Fewer objections than this make a proposal that chance may have made."""


@dataclass(slots=True, frozen=True)
class Evidence:
    """A prompt's score, and whether it belongs to the big model; ``weight`` is what an error
    on it costs, ``objected`` whether somebody said so rather than kept silent."""

    score: float
    heavy: bool
    weight: float = 1.0
    objected: bool = True


@dataclass(slots=True, frozen=True)
class Calibration:
    """A proposed threshold. Costs are the summed weights of errors, with the threshold of now
    and the proposed one; None where only a share was wished for."""

    threshold: float
    prompts: int
    objections: int
    cost_before: float | None
    cost_after: float | None


def gather_evidence(logs: Sequence[Logged], weights: Weights) -> list[Evidence]:
    """What ``logs`` say about scores, by the ``weights`` of now. Left out is what no score
    decided: tool calls, outright wishes, prompts too long for the small model."""
    found: list[Evidence] = []
    for logged in logs:
        record = logged.record
        if record.origin != "prompt" or record.features.wish is not None or is_too_long(record):
            continue
        complaint = find_complaint(logged)
        found.append(
            Evidence(
                score=score_features(record.features.values, weights),
                heavy=record.decision.delegate == (complaint is None),
                weight=WEIGHT[complaint],
                objected=complaint is not None,
            )
        )
    return found


def calibrate_to_evidence(evidence: Sequence[Evidence], current: float) -> Calibration:
    """The threshold with the least cost of errors; of several, the one nearest to ``current``.

    Raises:
        InvalidParams: there is no objection and no label to learn from.
    """
    objections = sum(each.objected for each in evidence)
    if not objections:
        raise InvalidParams(
            "Nobody has objected to a decision yet, so there is nothing to learn from: mark wrong "
            "ones with `/routing wrong` in the editor, or give --share or files."
        )
    ordered = sorted(evidence, key=lambda each: each.score)
    scores = [each.score for each in ordered]
    # A threshold before place i keeps the first i prompts local.
    missed = [0.0, *accumulate(each.weight * each.heavy for each in ordered)]
    light = [0.0, *accumulate(each.weight * (not each.heavy) for each in ordered)]
    costs = [missed[i] + light[-1] - light[i] for i in range(len(ordered) + 1)]
    # Equal scores cannot be told apart by a threshold.
    places = [i for i in range(len(costs)) if i in (0, len(scores)) or scores[i - 1] != scores[i]]
    least = min(costs[i] for i in places)
    threshold = min(
        (_nearest(scores, i, current) for i in places if costs[i] <= least + 1e-9),
        key=lambda each: abs(each - current),
    )
    before = costs[bisect_left(scores, current)]
    return Calibration(threshold, len(ordered), objections, before, least)


def calibrate_to_share(scores: Sequence[float], share: float) -> Calibration:
    """The threshold from which on about ``share`` (0 to 1) of ``scores`` lie.

    Raises:
        InvalidParams: there are no scores.
    """
    if not scores:
        raise InvalidParams("There is no prompt whose score could be read.")
    ordered = sorted(scores, reverse=True)
    sent = round(share * len(ordered))
    threshold = _between(ordered[sent], ordered[sent - 1]) if 0 < sent < len(ordered) else None
    if threshold is None:
        threshold = ordered[-1] if sent else min(1.0, ordered[0] + 1e-6)
    return Calibration(threshold, len(ordered), 0, None, None)


def _nearest(scores: Sequence[float], place: int, current: float) -> float:
    """The threshold that keeps ``place`` scores local: ``current`` where it does that, else
    half way between the neighbours."""
    low = scores[place - 1] if place else 0.0
    high = scores[place] if place < len(scores) else 1.0
    if bisect_left(scores, current) == place:
        return current
    return _between(low, high)


def _between(low: float, high: float) -> float:
    """Half way, but above ``low`` and, where they are neighbours, at ``high``."""
    middle = (low + high) / 2
    return middle if low < middle else high
