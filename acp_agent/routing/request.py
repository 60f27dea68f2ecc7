"""What the user asks for in a prompt, apart from what was pasted into it; pure.

Owns telling a request from pasted code, logs, quotations and texts to work on, by their
look. Does not own what is made of it (``features``). Issue 5, section 2.
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import re

from acp_agent.routing.words import find_kinds, words_of

_ASKED = 500
"""Characters of a long text's start, and of its end, in which task words are looked for:
what is asked stands there, what was pasted in between."""

_LONGEST_HEAD = 120
"""Characters before a colon that can say what is to be done with what follows it."""

_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^)\s]{1,400}\)")
_INLINE_CODE = re.compile(r"`[^`\n]{20,}`")
_QUOTATION = re.compile(r'"[^"\n]{3,}"|“[^”\n]{3,}”|„[^“”\n]{3,}[“”]|«[^»\n]{3,}»|「[^」\n]{2,}」')
_COLON = re.compile(r"[:：](?=\s|[^\x00-\x7f]|[\"'`])")
_CODE_SIGN = re.compile(r"[{}\[\]();=<>&|#]")
_FEWEST_SIGNS = 3
_SIGN_IN = 25
"""A text with this many marks of code, one in so many characters, is code."""
_PASTED = re.compile(
    r"[ \t]{2,}\S|[\[{}<|+@\t]|\d{2,4}[-:/.]\d\d|[^\s:]+:\d+:|.*[;{}]\s*$|\w+\(.*\)$"
    r"|Traceback|\w*(?:Error|Exception|Warning)\b"
    r"|(?:async |public |private |static |export )*"
    r"(?:function|def|class|return|let|const|var|import|from|func|fn|for|SELECT|if|while|try"
    r"|else|catch|export|struct|type|interface) ?.*[({;=:]"
    r"|(?:const|let|var|val|return|import|from|using|package|#include|await|throw|raise) .*\S"
    r"|[\w.]+ ?[-+*/]?= ?\S|[})\]]"
)
"""A line that looks like code, a log, an error or data."""


def find_request(text: str) -> str:
    """The part of ``text`` that was typed to say what is wanted: without fenced code, long
    quotations and lines that look pasted (all of it where nothing else is left). Where the
    words before a colon ask for something small, such as a translation, or code follows, the
    rest is only what it is to be done with, and left out."""
    typed = _LINK.sub(r"\1", without_code(text))
    lines = [line for line in typed.split("\n") if not _PASTED.match(line)]
    typed = "\n".join(lines) if any(line.strip() for line in lines) else typed
    typed = _QUOTATION.sub("“…”", _INLINE_CODE.sub("`…`", typed))
    colon = _COLON.search(typed, 0, _LONGEST_HEAD)
    head = typed[: colon.start()] if colon else ""
    if not head.strip():
        return typed
    rest = typed[colon.end() :] if colon else ""
    return head if _is_small(head) or _is_code(rest) else typed


def ends(text: str, length: int = _ASKED) -> str:
    """The first and the last ``length`` characters of ``text``; all where it is short."""
    return text if len(text) <= 2 * length else f"{text[:length]}\n{text[-length:]}"


def without_code(text: str) -> str:
    """``text`` without its fenced blocks: pasted code is not what is asked."""
    return "\n".join(text.split("```")[::2]) if "```" in text else text


def _is_small(head: str) -> bool:
    """Whether ``head`` is a clause of its own that asks for something small only."""
    kinds = find_kinds(words_of(head), head)
    small = kinds["light_task"] or kinds["small_thing"] or kinds["tone"]
    large = kinds["heavy_task"] or kinds["hard_topic"] or kinds["breadth"]
    return bool(small) and not large and "(" not in head


def _is_code(text: str) -> bool:
    signs = len(_CODE_SIGN.findall(text))
    return signs >= _FEWEST_SIGNS and signs * _SIGN_IN >= len(text)
