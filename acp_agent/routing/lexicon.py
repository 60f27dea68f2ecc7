"""How heavy a request's wording is, by a list of word pieces learnt from editor prompts.

Owns the pieces, the list's file (``lexicon.json``) and its checking. Does not own how the
list was learnt (the file's own ``provenance``), the words with a known meaning
(``vocabulary``), nor what the wording weighs (``weights.json``).
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from operator import add
from pathlib import Path
from typing import Any

from acp_agent.errors import ConfigError

FORMAT = 1
"""The version of the file's format that is read."""

_PACKAGED = Path(__file__).with_name("lexicon.json")
_READ = 300
"""Characters of a request's start and of its end that are read."""
_STEM = 6
"""Letters of a word that are kept: a cheap stem."""

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f"
_RUN = re.compile(rf"([{_UNSPACED}]+)|((?:[^\W\d_{_UNSPACED}]|[\u0900-\u0963\u064b-\u0652])+)")
"""Chinese and Japanese characters in a row, or a word of another script."""
_ARTICLE = "ال"


def pieces_of(text: str) -> set[str]:
    """The word pieces of ``text``: the first letters of each word; of Chinese and Japanese,
    which have no spaces, each character and each pair."""
    text = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    found: set[str] = set()
    for run, word in _RUN.findall(text.lower()):
        if run:
            found.update(run, map(add, run, run[1:]))
        elif word.startswith(_ARTICLE) and len(word) > 4:
            found.add(word[2 : 2 + _STEM])
        else:
            found.add(word[:_STEM])
    return found


def weigh_wording(text: str) -> float:
    """The sum of the weights of the pieces of ``text``: above 0 where it is worded like
    heavy requests, below like light ones, in log-odds."""
    lexicon = load_lexicon()
    return sum(lexicon[piece] for piece in lexicon.keys() & pieces_of(text))


@cache
def load_lexicon(path: Path = _PACKAGED) -> Mapping[str, float]:
    """The weight of each piece in the file at ``path``, by default the packaged one.

    Raises ConfigError where the file cannot be read or does not fit this version.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != FORMAT:
            raise ValueError(f"its version is not {FORMAT}")
        return {str(piece): float(weight) for piece, weight in data["pieces"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"The routing lexicon in {path.name} cannot be used.") from error
