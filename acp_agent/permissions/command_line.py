"""Reading shell text without a shell; pure.

Owns telling a plain command, whose arguments stand in the text as the program will get
them, from everything else, and the loose search for words that must not be missed. Does
not own what a command does (``known_commands``), nor running one.
"""

import re

_SPACE = " \t"
_BARE = frozenset("_-./:=,@+")
"""Beside letters and digits: what means itself in every shell, outside quotes."""
_QUOTED = _BARE | frozenset(" *?[]{}~#")
"""What quotes keep from meaning anything else."""
_METACHARACTERS = {
    "|": "joins commands with |",
    "&": "joins commands or leaves one running with &",
    ";": "joins commands with ;",
    "\n": "has several lines",
    "<": "redirects input with <",
    ">": "redirects output with >",
    "$": "has a substitution with $",
    "`": "has a substitution with `",
    "(": "holds a parenthesis",
    ")": "holds a parenthesis",
}


def read_words(text: str) -> tuple[str, ...] | None:
    """The arguments of a single plain command, the program first; None for anything else.

    Not plain is any text that a shell may read in another way than word by word: with
    metacharacters (also inside quotes), substitutions, patterns, escapes, variables set in
    front, control characters, or quotes that do not close.

    Source: POSIX.1-2024, Shell Command Language, 2.2 Quoting and 2.3 Token Recognition
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    for char in text.strip(_SPACE):
        if quote:
            if char == quote:
                quote = ""
            elif _means_itself(char, _QUOTED):
                word = (word or "") + char
            else:
                return None
        elif char in "'\"":
            quote, word = char, word or ""
        elif char in _SPACE:
            if word is not None:
                words.append(word)
            word = None
        elif _means_itself(char, _BARE):
            word = (word or "") + char
        else:
            return None
    if quote or word is None:
        return None
    words.append(word)
    return None if "=" in words[0] or any(each.startswith("=") for each in words) else tuple(words)


def explain_unreadable(text: str) -> str:
    """Why ``text`` is no plain command, as the end of a sentence that begins with "it"."""
    for char, reason in _METACHARACTERS.items():
        if char in text.strip():
            return reason
    if "=" in next(iter(text.split()), ""):
        return "sets a variable in front"
    return "holds characters that a shell may read in another way"


def loose_words(text: str) -> list[str]:
    """All words that running ``text`` may come to see, in order and in lower case.

    For finding what must not be missed, so it errs towards too many: quotes and escapes
    are taken away, and every character that can end a word does.
    """
    words: list[str] = []
    for variant in (text, _unescape(text), text.replace("\\", "/")):
        joined = re.sub(r"\\\r?\n|\$[@*]|\$\{[^}$]*\}|\$(?=[\"'])|[\\^'\"]", "", variant)
        words += re.findall(r"[^\s;|&<>()${}=,:@`]+", joined.lower())
    return words


def _means_itself(char: str, others: frozenset[str]) -> bool:
    return char.isalnum() or char in others


def _unescape(text: str) -> str:
    r"""``text`` with the escapes of ``$'\x73'`` and ``printf '\163'`` replaced."""
    text = re.sub(r"\\[xuU]([0-9a-fA-F]{1,6})", lambda found: _char(found[1], 16), text)
    return re.sub(r"\\0?([0-7]{1,3})", lambda found: _char(found[1], 8), text)


def _char(digits: str, base: int) -> str:
    code = int(digits, base)
    return chr(code) if code < 0x110000 else ""
