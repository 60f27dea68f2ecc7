"""The words that tell a kind of task: how they are found in a text; pure.

Owns the search, in scripts with and without spaces. Does not own the words themselves
(``vocabulary``, ``vocabulary_unspaced``), what a word weighs (``weights.json``) nor
explicit wishes (``wishes``).
"""

import re
from collections.abc import Iterable
from operator import add

from acp_agent.routing.vocabulary import SPACED
from acp_agent.routing.vocabulary_unspaced import UNSPACED
from acp_agent.routing.vocabulary_work import SPACED_WORK, UNSPACED_WORK

_WORD = re.compile(r"\w+")

KINDS = (*SPACED, *SPACED_WORK)
"""The kinds of words, in a fixed order."""


def _split() -> tuple[dict[str, set[str]], dict[str, list[tuple[str, str]]]]:
    """Whole words with their kinds, and stems with theirs by their first two letters."""
    whole: dict[str, set[str]] = {}
    stems: dict[str, list[tuple[str, str]]] = {}
    for kind, words in {**SPACED, **SPACED_WORK}.items():
        for word in words.split():
            if word.endswith("*"):
                stems.setdefault(word[:2], []).append((word[:-1], kind))
            else:
                whole.setdefault(word, set()).add(kind)
    return whole, stems


def _index() -> dict[str, list[tuple[str, str, str]]]:
    """The pieces of unspaced scripts by their first two letters, each with its last two and
    its kind."""
    pieces: dict[str, list[tuple[str, str, str]]] = {}
    for kind, words in {**UNSPACED, **UNSPACED_WORK}.items():
        for word in words.split():
            piece = word.replace("_", " ")
            pieces.setdefault(piece[:2], []).append((piece, piece[-2:], kind))
    return pieces


_WHOLE, _STEMS = _split()
_PIECES = _index()
_FIRST = frozenset(start[0] for start in _PIECES)


def words_of(text: str) -> list[str]:
    """The words of ``text`` in lower case, in order; unspaced scripts give long runs."""
    return _WORD.findall(text.lower())


def find_kinds(words: Iterable[str], text: str) -> dict[str, set[str]]:
    """For each kind of ``KINDS`` the distinct words of it: from ``words``, the words of
    ``text``, and, where it is not all ASCII, from the text itself (no spaces to go by)."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for word in set(words):
        for kind in _WHOLE.get(word, ()):
            found[kind].add(word)
        for stem, kind in _STEMS.get(word[:2], ()):
            if word.startswith(stem):
                found[kind].add(stem)
    if not text.isascii():
        for piece, kind in _candidates(text):
            if piece in text:
                found[kind].add(piece)
    return found


def _candidates(text: str) -> list[tuple[str, str]]:
    """The pieces whose beginning and end stand in ``text``: to look for all takes long."""
    pairs = set(text)
    if pairs.isdisjoint(_FIRST):
        return []
    pairs.update(map(add, text, text[1:]))
    return [
        (piece, kind)
        for start in _PIECES.keys() & pairs
        for piece, end, kind in _PIECES[start]
        if end in pairs
    ]
