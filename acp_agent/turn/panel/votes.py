"""Counting what candidates answered; pure.

Owns which answers count, groups, ties and agreement, and the likeness of free-form texts.
Does not own reading answers (``answers``) nor when a vote is over (``strategies``).

An answer that was cut off at its limit of tokens, or refused, counts only where there is no
whole one; an empty one counts for nothing. Ties go to the earliest candidate.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from acp_agent.turn.panel.verdict import Answered
from acp_agent.turn.panel.wording import normalise_text, without_thoughts

LIKE = 0.5
"""Share of their words from which on two texts count as alike."""

_WORDS = 2000
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")
"""Scripts without spaces between words: their characters are compared in pairs."""


@dataclass(slots=True, frozen=True)
class Ballots:
    """What can be voted on, in the candidates' order.

    ``counted`` are the answers that count, ``given`` how many were given at all (empty ones
    are not), ``left_out`` those given that do not count.
    """

    counted: tuple[Answered, ...]
    given: int
    left_out: tuple[str, ...] = ()


def sort_out(answers: Sequence[Answered], candidates: Sequence[str]) -> Ballots:
    """The answers that count, in the order of ``candidates``; others come after these, by
    their names."""
    place = {name: at for at, name in enumerate(candidates)}
    ordered = sorted(
        (each for each in answers if without_thoughts(each.text)),
        key=lambda each: (place.get(each.candidate, len(place)), each.candidate),
    )
    for reasons in (("end_turn",), ("max_tokens",), ("refusal",)):
        counted = tuple(each for each in ordered if each.stop_reason in reasons)
        if counted:
            out = tuple(each.candidate for each in ordered if each not in counted)
            return Ballots(counted, len(ordered), out)
    return Ballots((), 0)


def group_by_key(keys: Mapping[str, str | None]) -> tuple[tuple[str, ...], ...]:
    """The candidates by their key, the largest group first, the earliest of equals.

    ``keys`` are in the candidates' order; None is in no group.
    """
    groups: dict[str, list[str]] = {}
    for candidate, key in keys.items():
        if key is not None:
            groups.setdefault(key, []).append(candidate)
    # The sort is stable: of equal groups, the one that began first stays first.
    return tuple(tuple(group) for group in sorted(groups.values(), key=len, reverse=True))


def is_settled(groups: Sequence[Sequence[str]], outstanding: int) -> bool:
    """Whether the first of ``groups`` wins whatever ``outstanding`` answers say."""
    if not groups:
        return False
    second = len(groups[1]) if len(groups) > 1 else 0
    return len(groups[0]) > second + outstanding


@dataclass(slots=True, frozen=True)
class Likeness:
    """Texts compared by their words: ``medoid`` is the one that is most like all others."""

    medoid: str
    groups: tuple[tuple[str, ...], ...]


def compare_texts(answers: Sequence[Answered]) -> Likeness:
    """How ``answers``, at least one, resemble each other, by the share of their words.

    The medoid's group comes first: those alike to it; then the same of what is left.
    """
    words = {each.candidate: _words(each.text) for each in answers}
    names = list(words)
    mean = {
        name: sum(_overlap(words[name], words[other]) for other in names if other != name)
        for name in names
    }
    left = sorted(names, key=lambda name: -mean[name])
    groups: list[tuple[str, ...]] = []
    while left:
        like = _like(words, left[0])
        groups.append(tuple(name for name in names if name in left and like(name)))
        left = [name for name in left if not like(name)]
    medoid = max(names, key=lambda name: mean[name])
    return Likeness(medoid, (groups[0], *sorted(groups[1:], key=len, reverse=True)))


def _like(words: Mapping[str, frozenset[str]], centre: str) -> Callable[[str], bool]:
    return lambda name: name == centre or _overlap(words[centre], words[name]) >= LIKE


def _overlap(left: frozenset[str], right: frozenset[str]) -> float:
    """Dice's coefficient: the shared words, counted for both, by all words of both."""
    whole = len(left) + len(right)
    return 2 * len(left & right) / whole if whole else 0.0


def _words(text: str) -> frozenset[str]:
    words = normalise_text(without_thoughts(text)).split()[:_WORDS]
    spaced = (word for word in words if not _UNSPACED.search(word))
    pairs = (
        word[at : at + 2]
        for word in words
        if _UNSPACED.search(word)
        for at in range(max(1, len(word) - 1))
    )
    return frozenset((*spaced, *pairs))
