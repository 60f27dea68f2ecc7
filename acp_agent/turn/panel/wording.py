"""The text of an answer made plain, and made comparable; pure.

Owns leaving out thoughts and emphasis, LaTeX's spelling of plain things, and comparing texts
by their words. Does not own finding the answer (``answers``).
"""

import re
import unicodedata

from acp_agent.turn.panel.answer_words import ARTICLES
from acp_agent.turn.panel.numbers import plain_digits

_THOUGHT_START, _THOUGHT_END = "<think>", "</think>"
_SIGNS = "+-/%#<>=^\u2264\u2265\u2260\u221a"
"""Signs that change what a text says."""
_EMPHASIS = re.compile(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|`+")
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:times|cdot)\b"), "\u00d7"),
    (re.compile(r"\\(?:left|right)\b|\\[,;:! ]|\^\{?\\circ\}?|\{,\}(?=\D)|\\[()\[\]]"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\([$%#&_])"), r"\1"),
    (re.compile(r"\$(?!\s?\d)|(?<=\d)\$"), ""),
)


def without_thoughts(text: str) -> str:
    """``text`` without the thoughts that some servers leave in it."""
    said = text.rpartition(_THOUGHT_END)[2].strip()
    return "" if said.startswith(_THOUGHT_START) else said  # cut off while it thought


def plain_text(text: str) -> str:
    """``text`` with LaTeX's spelling of plain things as plain text, boxes apart, and
    with ASCII's digits."""
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    return plain_digits(text).strip()


def without_emphasis(text: str) -> str:
    """``text`` without Markdown's marks for bold, italic and code."""
    return _EMPHASIS.sub("", text)


def normalise_text(text: str) -> str:
    """``text`` by its words: casefolded, compatibility forms folded, no punctuation."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(each if _counts(each) else " " for each in folded)
    words = kept.split()
    if len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return " ".join(words)


def _counts(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN" or character in _SIGNS
