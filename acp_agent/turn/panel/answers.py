"""The answer that votes are counted on, read out of what a candidate wrote; pure.

Owns where an answer stands in a text, and when two of them are the same. Does not own how
numbers are read (``numbers``), code (``blocks``), plain text (``wording``), words of other
languages (``answer_words``), nor counting (``votes``).

Looked for in this order: ``\\boxed{...}``, what follows "Answer:" or "The answer is", code,
what is bold at the end, yes or no and a choice at the start, a number in the last line, and
the whole text where it is short. Units are not compared: the question fixes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from acp_agent.turn.panel.answer_words import LINKS, MARKS, NO, YES
from acp_agent.turn.panel.blocks import CodeBlock, find_blocks, main_block, without_blocks
from acp_agent.turn.panel.numbers import find_numbers, write_number
from acp_agent.turn.panel.wording import (
    normalise_text,
    plain_text,
    without_emphasis,
    without_thoughts,
)

AnswerKind = Literal["number", "choice", "yes_no", "text", "code"]

_SEEN = 20_000
"""Characters of an answer's end that are looked at, code apart."""
_SHORT = 100
"""Characters of a text that is compared as it stands."""
_SHOWN = 60
_FEW_WORDS = 8
_MOST_BOXES, _LONGEST_BOX = 16, 1000
_LONGEST_BOLD = 2000
"""Characters of a last line in which bold is looked for: its marks may have no end."""
_LONGEST_LINE = 300
"""Characters of a last line whose number may be the answer; longer ones are prose."""

_MARK = re.compile(
    rf"(?<![a-z\u00c0-\u04ff])(?:{'|'.join(MARKS)})(?:{'|'.join(LINKS)})", re.IGNORECASE
)
_GSM_MARK = re.compile(r"^\s*####\s+(?=[-$]?\d)", re.MULTILINE)
_BOXED = re.compile(r"\\f?boxed\s*\{")
_BOLD = re.compile(r"(?:\*\*|__)(?=\S)(.+?)(?<=\S)(?:\*\*|__)")
_CHOICE = re.compile(
    r"(?:(?:option|choice|answer|option|opci[óo]n|opção|вариант|选项|選項)\s*)?"
    r"[(\[]?(?P<letter>[A-J])(?:[)\]]|[.:](?=\s|$)|(?=\s*$))",
)
_CHOICE_ALONE = re.compile(r"[(\[]?([a-j])[)\]]?\.?")
_CHOICE_WORD = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Oo]pci[óo]n|[Oo]pção)\s+\(?([A-J])\b")
_COMPOUND = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d+:\d+|\d+(?:\.\d+){2,}|[(\[{]\s*-?[\d.]+\s*(?:[,;]\s*-?[\d.]+\s*)+[)\]}]"
    r"|\d+(?:\s*[,;]\s+\d+)+|(?<!\d)\d{1,2}(?:,\d{1,2}){2,}(?!\d)"
)
"""Dates, times, ratios, versions, points and lists: more than one number, compared as text."""
_REMARK = re.compile(r"([^(]*\d[^(]*?)\s+\([^()]*\)\W*")
"""A number with a remark in parentheses behind it."""
_SYMBOLIC = re.compile("[<>\u2264\u2265\u2260^\u221a\u03c0\\\\]|sqrt", re.IGNORECASE)
"""Beside a number, what makes it a part of a formula."""
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?")
_ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d{1,2}[.)])\s+")


@dataclass(slots=True, frozen=True)
class Extracted:
    """An answer fit to be compared: two are the same where ``key`` is.

    ``shown`` is how it was written, in one line, for the user. ``block`` is the code of an
    answer that is code.
    """

    kind: AnswerKind
    value: str
    shown: str
    block: CodeBlock | None = None

    @property
    def key(self) -> str:
        """What is compared."""
        return f"{self.kind}:{self.value}"


def extract_answer(text: str) -> Extracted | None:
    """The answer in ``text``; None where there is none that can be compared, as in an empty
    text or a long free-form one. Never fails."""
    text = without_thoughts(text)
    block = main_block(find_blocks(text))
    prose = plain_text(without_blocks(text)[-_SEEN:])
    marked = _find_marked(prose)
    if marked is not None and (block is None or marked.kind != "text"):
        return marked
    if block is not None:
        return Extracted("code", _normalise_code(block.code), _shorten(block.code), block)
    return _find_bold(prose) or _find_unmarked(without_emphasis(prose))


def _find_marked(prose: str) -> Extracted | None:
    """What a box holds, else what follows the last mark of an answer."""
    boxed = _find_boxed(prose)
    if boxed is not None:
        return boxed
    text = without_emphasis(prose)
    marks = [*_MARK.finditer(text), *_GSM_MARK.finditer(text)]
    for mark in sorted(marks, key=lambda each: each.end(), reverse=True):
        found = _read_given(_first_line(text[mark.end() :]))
        if found is not None:
            return found
    return None


def _find_boxed(prose: str) -> Extracted | None:
    starts = [match.end() for match in _BOXED.finditer(prose)]
    for start in reversed(starts[-_MOST_BOXES:]):
        depth = 1
        for pos in range(start, min(len(prose), start + _LONGEST_BOX)):
            depth += {"{": 1, "}": -1}.get(prose[pos], 0)
            if not depth:
                found = _read_given(without_emphasis(prose[start:pos]))
                if found is not None:
                    return found
                break
    return None


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _find_bold(prose: str) -> Extracted | None:
    """What is bold in the last line, or ends it; labels ("**Note:**") are not."""
    lines = [line for line in prose.splitlines() if line.strip()]
    if not lines or _ITEM.match(lines[-1]):
        return None
    last = lines[-1][-_LONGEST_BOLD:]
    for match in reversed(list(_BOLD.finditer(last))):
        inner = match.group(1).strip()
        if inner.endswith((":", "\uff1a")) or last[match.end() :].startswith(":"):
            continue
        found = _read_given(inner)
        at_end = not last[match.end() :].strip(" .!\u3002")
        if found is not None and (found.kind != "text" or at_end):
            return found
    return None


def _find_unmarked(text: str) -> Extracted | None:
    """The answer of a text that marks none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    opening = _read_yes_no(lines[0]) or _read_opening_choice(lines)
    if opening is not None:
        return opening
    if chosen := _CHOICE_WORD.search(lines[-1]):
        return Extracted("choice", chosen[1], chosen[1])
    last = lines[-1]
    if last.endswith((":", "\uff1a")):
        return None
    if len(lines) == 1 and len(last.split()) <= _FEW_WORDS and len(last) <= _SHORT:
        return _read_given(last)
    if len(last) <= _LONGEST_LINE and (not _ITEM.match(last) or "=" in last):
        return _last_number(last)
    return None


def _read_given(text: str) -> Extracted | None:
    """What ``text`` says, which is known to be an answer and nothing else."""
    text = text.strip().strip("*_").strip()
    if not text:
        return None
    alone = _CHOICE_ALONE.fullmatch(text)
    return (
        (Extracted("choice", alone[1].upper(), alone[1]) if alone else _read_choice(text))
        or _read_yes_no(text)
        or _read_number(text)
        or _read_text(text)
    )


def _read_choice(text: str) -> Extracted | None:
    found = _CHOICE.match(text)
    if found is None:
        return None
    return Extracted("choice", found["letter"], found["letter"])


def _read_opening_choice(lines: Sequence[str]) -> Extracted | None:
    """The choice that a text opens with, if it does not go on to the other ones."""
    found = _read_choice(lines[0])
    others = [_read_choice(line) for line in lines[1:]]
    is_list = any(other is not None and other != found for other in others)
    return None if is_list else found


def _read_yes_no(text: str) -> Extracted | None:
    """Yes or no: alone, or before a comma or a full stop."""
    word, rest = _first_word(text)
    value = "yes" if word in YES else "no" if word in NO else None
    if value is None:
        return None
    if rest and rest[0] not in ",.!;:\u3002\uff0c\uff01\u060c\u2014":
        return None
    is_abbreviation = re.fullmatch(r"\.\s*\d+\W*", rest)  # No. 5
    return None if is_abbreviation else Extracted("yes_no", value, word)


def _first_word(text: str) -> tuple[str, str]:
    match = re.match(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u0900-\u0963])*", text)
    return (match.group().casefold(), text[match.end() :].lstrip(" ")) if match else ("", text)


def _read_number(text: str) -> Extracted | None:
    """The number that ``text`` gives: after the last ``=``, or the only one in it."""
    if len(text) > _LONGEST_LINE:
        return None
    if remark := _REMARK.fullmatch(text):
        text = remark[1]
    if _is_compound(text):
        return None
    if "=" in text or "\u2248" in text:
        after = re.split(r"[=\u2248]", text)[-1]
        return _last_number("= " + after) if find_numbers(after) else None
    numbers = find_numbers(text)
    if len(numbers) != 1:
        return None
    number = numbers[0]
    if _SYMBOLIC.search(text[: number.start] + text[number.end :]):
        return None
    before = text[: number.start].split()
    if (
        before
        and before[-1][:1].isupper()
        and before[-1].isascii()
        and not _after(text, number.end)
    ):
        return None  # a name: Apollo 11
    return Extracted("number", write_number(number.value), _shorten(text))


def _after(text: str, end: int) -> str:
    return text[end:].strip(" .!?)")


def _last_number(line: str) -> Extracted | None:
    """The number that ``line`` ends with or comes to."""
    after = line[max(line.rfind("="), line.rfind("\u2248")) + 1 :]
    numbers = find_numbers("= " + after if after != line else line) or find_numbers(line)
    if not numbers or _is_compound(after):
        return None
    value = write_number(numbers[-1].value)
    return Extracted("number", value, value)


def _is_compound(text: str) -> bool:
    return _COMPOUND.search(_GROUPED.sub("0", text)) is not None


def _read_text(text: str) -> Extracted | None:
    """A short text, without case, punctuation and a leading article."""
    if len(text) > _SHORT:
        return None
    value = normalise_text(text)
    return Extracted("text", value, _shorten(text)) if value else None


def _normalise_code(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}\u2026"
