"""The scores of logged prompts as a bar chart of text, with the thresholds.

Owns the chart. Does not own the figures (``routing/report``) nor printing.
"""

from collections.abc import Sequence

from acp_agent.routing.report import Point

BINS = 20
_WIDTH = 40
"""Columns of the longest bar."""
_MOST_THRESHOLDS = 4
_PLAIN = {"█": "#", "░": "-", "│": "|", "─": "-", "┼": "+", "\u2013": "-"}


def plot_scores(points: Sequence[Point], *, encoding: str = "utf-8") -> list[str]:
    """Lines of a chart: a row for each twentieth of the score, from the lowest that occurs to
    the highest, and a row for each threshold; plain where ``encoding`` has no blocks."""
    if not points:
        return []
    counts = [[0, 0] for _ in range(BINS)]
    for point in points:
        counts[_place(point.score)][point.delegate] += 1
    thresholds = _thresholds(points)
    places = [index for index, pair in enumerate(counts) if any(pair)]
    places += [_place(low) for low, _ in thresholds]
    scale = max(1.0, max(map(sum, counts)) / _WIDTH)
    lines = ["score       █ to the big model, ░ to the small one"]
    for index in range(min(places), max(places) + 1):
        for low, words in thresholds:
            if _place(low) == index:
                lines.append(f"{'─' * 11}┼─ {words}")
        local, delegated = counts[index]
        bar = "░" * round(local / scale) + "█" * round(delegated / scale)
        total = local + delegated
        label = f"{index / BINS:.2f}\u2013{(index + 1) / BINS:.2f}"
        lines.append(f"{label}  │{bar}{f' {total}' if total else ''}")
    return lines if _can_write(lines, encoding) else [_plain(line) for line in lines]


def _place(score: float) -> int:
    return min(BINS - 1, max(0, int(score * BINS)))


def _thresholds(points: Sequence[Point]) -> list[tuple[float, str]]:
    found = sorted({round(point.threshold, 2) for point in points})
    if len(found) <= _MOST_THRESHOLDS:
        return [(value, f"threshold {value:.2f}") for value in found]
    words = f"thresholds from {found[0]:.2f} to {found[-1]:.2f}, {len(found)} different ones"
    return [(found[0], words)]


def _can_write(lines: Sequence[str], encoding: str) -> bool:
    try:
        "".join(lines).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _plain(line: str) -> str:
    for letter, plain in _PLAIN.items():
        line = line.replace(letter, plain)
    return line
