"""The lines of a file that are most like a text that is not in it; pure.

Owns the search for a model that quoted wrongly. Does not own exact matches (``matching``).
"""

from dataclasses import dataclass
from difflib import SequenceMatcher

LINES_COMPARED = 20_000
"""Lines of a file that are looked at."""
_WIDTH_COMPARED = 400
_TEXT_COMPARED = 1500
_ANCHORS = 3
_CANDIDATES = 5
_ALIKE = 0.5


@dataclass(slots=True, frozen=True)
class Closest:
    """Lines from ``first`` (from 1) on; ``only_spaces``: they differ in white space only."""

    first: int
    lines: tuple[str, ...]
    only_spaces: bool


def find_closest(content: str, wanted: str) -> Closest | None:
    """The lines of ``content`` most like ``wanted`` (both with LF), None where none is."""
    if not wanted.strip():
        return None
    lines = content.split("\n")[:LINES_COMPARED]
    sought = wanted.strip("\n").split("\n")
    spaced = _same_but_spaces(lines, sought)
    if spaced is not None:
        return Closest(spaced + 1, tuple(lines[spaced : spaced + len(sought)]), only_spaces=True)
    best, best_start = _ALIKE, None
    text = "\n".join(sought)[:_TEXT_COMPARED]
    for start in _candidates(lines, sought):
        window = "\n".join(lines[start : start + len(sought)])[:_TEXT_COMPARED]
        ratio = SequenceMatcher(None, window, text, autojunk=False).ratio()
        if ratio > best:
            best, best_start = ratio, start
    if best_start is None:
        return None
    found = lines[best_start : best_start + len(sought)]
    return Closest(best_start + 1, tuple(found), only_spaces=False)


def _same_but_spaces(lines: list[str], sought: list[str]) -> int | None:
    """The index at which ``sought`` begins where white space does not count."""
    bare = ["".join(line.split()) for line in lines]
    wanted = ["".join(line.split()) for line in sought]
    for start in range(len(bare) - len(wanted) + 1):
        if bare[start] == wanted[0] and bare[start : start + len(wanted)] == wanted:
            return start
    return None


def _candidates(lines: list[str], sought: list[str]) -> list[int]:
    """Where ``sought`` might begin: its longest lines lie over those most like them."""
    anchors = sorted(range(len(sought)), key=lambda index: -len(sought[index].strip()))
    scored: list[tuple[float, int]] = []
    for anchor in anchors[:_ANCHORS]:
        matcher = SequenceMatcher(None, "", sought[anchor].strip()[:_WIDTH_COMPARED])
        for index, line in enumerate(lines):
            matcher.set_seq1(line.strip()[:_WIDTH_COMPARED])
            if matcher.real_quick_ratio() > _ALIKE and (ratio := matcher.quick_ratio()) > _ALIKE:
                scored.append((ratio, max(0, index - anchor)))
    scored.sort(key=lambda each: (-each[0], each[1]))
    return list(dict.fromkeys(start for _, start in scored))[:_CANDIDATES]
