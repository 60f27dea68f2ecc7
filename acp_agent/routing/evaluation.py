"""How good a router's scores are: the average performance gap recovered; pure.

Owns the measure and its bootstrap interval, as RouteLLM (arXiv:2406.18665) defines it:
prompts go to the strong model in the order of their score, heaviest first; the area under
the mean performance over the share sent, less the weak model's mean, is divided by the
strong model's gain. Random order gives 0.5. Does not own scores nor reading files.
"""

import random
from collections.abc import Sequence

from acp_agent.errors import InvalidParams

_SAMPLES = 1000


def measure_apgr(scores: Sequence[float], weak: Sequence[float], strong: Sequence[float]) -> float:
    """The share of the gap recovered by ``scores`` (higher: heavier), on average over all
    shares sent. ``weak`` and ``strong``: how well each model did on each prompt, 0 to 1.
    Prompts with equal scores count in the mean of all their orders.

    Raises InvalidParams where lengths differ or the strong model is not the better one.
    """
    ranks, gains = _rank(scores, weak, strong)
    found = _area(range(len(ranks)), ranks, gains)
    if found is None:
        raise InvalidParams("APGR needs prompts on which the strong model does better.")
    return found


def bootstrap_apgr(
    scores: Sequence[float],
    weak: Sequence[float],
    strong: Sequence[float],
    *,
    samples: int = _SAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval that holds the middle ``level`` of the APGR of ``samples`` bootstrap
    samples of the prompts. The same ``seed`` gives the same interval.

    Raises InvalidParams like ``measure_apgr``, and where no sample has a gap to recover.
    """
    ranks, gains = _rank(scores, weak, strong)
    chance = random.Random(seed)
    indices = range(len(ranks))
    found: list[float] = []
    for _ in range(samples):
        apgr = _area(chance.choices(indices, k=len(ranks)), ranks, gains)
        if apgr is not None:
            found.append(apgr)
    if not found:
        raise InvalidParams("No bootstrap sample has a gap between the models.")
    found.sort()
    outside = (1 - level) / 2
    last = len(found) - 1
    return found[round(outside * last)], found[round((1 - outside) * last)]


def _rank(
    scores: Sequence[float], weak: Sequence[float], strong: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Each prompt's rank, 0 for the heaviest and the same for equal scores, and its gain."""
    if not len(scores) == len(weak) == len(strong) or not scores:
        raise InvalidParams("APGR needs a score and both outcomes for each prompt.")
    place = {score: rank for rank, score in enumerate(sorted(set(scores), reverse=True))}
    return [place[score] for score in scores], [b - a for a, b in zip(weak, strong, strict=True)]


def _area(chosen: Sequence[int], ranks: Sequence[int], gains: Sequence[float]) -> float | None:
    """The APGR of the ``chosen`` prompts; None where there is no gap to recover."""
    counts = [0] * len(ranks)
    sums = [0.0] * len(ranks)
    for index in chosen:
        rank = ranks[index]
        counts[rank] += 1
        sums[rank] += gains[index]
    area = so_far = 0.0
    for count, gain in zip(counts, sums, strict=True):
        area += count * (so_far + gain / 2)
        so_far += gain
    return area / (len(chosen) * so_far) if so_far > 0 else None
