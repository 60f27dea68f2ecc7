"""JSON as small models write it.

Owns reading values with trailing commas, other quotes, raw line breaks, quotes that lack
their backslash, and closing brackets that are missing at the end. Does not own what is a
call (``forms``). Correct JSON is read as what it says. Nothing is ever evaluated.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal

from acp_agent.backends.text_tools.source import Broken, Reading, Source

Where = Literal["key", "object", "array", "call"]
"""What a string stands in, which tells how it can end."""

QUOTES: Mapping[str, str] = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\N{LEFT DOUBLE QUOTATION MARK}": '\N{RIGHT DOUBLE QUOTATION MARK}"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '\N{RIGHT DOUBLE QUOTATION MARK}"',
    "\N{LEFT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}'",
}
"""What opens a string, and what may close it."""

_ENDS: Mapping[Where, str] = {"object": "}", "array": "]", "call": ")"}
_OVER = ("```", "</", "<|", "tool:", "result")
_LITERALS: Mapping[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}
_ESCAPES: Mapping[str, str] = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "/": "/",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "`": "`",
    "\n": "\n",
}
_PLAIN = re.compile("[^\\\\\"'`\N{LEFT SINGLE QUOTATION MARK}-\N{RIGHT DOUBLE QUOTATION MARK}]+")
_BARE = re.compile(r"[\w./~*@+-]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
_NAME = re.compile(r"[\w-]")
_HEX = re.compile(r"[0-9a-fA-F]{4}\Z")
_DEPTH_LIMIT = 64
_KEY_LIMIT = 1000


class Values:
    """Reads values from ``source``. ``quoted``: the value as a whole stands in quotes."""

    def __init__(self, source: Source, *, quoted: bool = False) -> None:
        self._source = source
        self.quoted = quoted

    def value(self, pos: int, where: Where, depth: int = 0) -> Reading[tuple[Any, int]]:
        """The value at ``pos``, and where it ends.

        Raises:
            Broken: there is none, or it cannot be told what was meant.
        """
        if depth > _DEPTH_LIMIT:
            raise Broken("it is nested too deep", pos)
        first = yield from self._source.peek(pos)
        if first == "{":
            return (yield from self.fields(pos, depth))
        if first == "[":
            return (yield from self._items(pos, depth))
        if first and first in QUOTES:
            return (yield from self.string(pos, where))
        return (yield from self._bare(pos, where))

    def fields(self, pos: int, depth: int = 0) -> Reading[tuple[dict[str, Any], int]]:
        """The object whose brace stands at ``pos``, and where it ends."""
        source, found = self._source, dict[str, Any]()
        pos += 1
        while True:
            pos = yield from source.skip(pos, " \t\r\n,")
            if (yield from source.peek(pos)) == "}":
                return found, pos + 1
            key, pos = yield from self.key(pos)
            pos = yield from source.skip(pos)
            found[key], pos = yield from self.value(pos, "object", depth + 1)
            is_over, pos = yield from self._end_of_item(pos, "}")
            if is_over:
                return found, pos

    def key(self, pos: int) -> Reading[tuple[str, int]]:
        """The key at ``pos``, quoted or not, and where its value may begin."""
        first = yield from self._source.peek(pos)
        if first and first in QUOTES:
            key, pos = yield from self.string(pos, "key")
        else:
            end = yield from self._source.run(pos, _NAME)
            key, pos = self._source.text[pos:end], end
        pos = yield from self._source.skip(pos)
        colon = yield from self._source.peek(pos)
        if not (key or first) or colon not in (":", "="):
            raise Broken("a name with a colon is missing", pos)
        return key, pos + 1

    def string(self, pos: int, where: Where) -> Reading[tuple[str, int]]:
        """The string whose quote stands at ``pos``, and where it ends."""
        source = self._source
        opener = yield from source.peek(pos)
        if opener in "\"'" and where != "key" and (yield from source.word(pos, (opener * 3,))):
            return (yield from self._triple(pos + 3, opener * 3))
        parts: list[str] = []
        pos += 1
        while True:
            plain = _PLAIN.match(source.text, pos)
            end = plain.end() if plain else pos
            parts.append(source.text[pos:end])
            found = yield from source.peek(end)
            if not found:
                raise Broken("the text ends inside a string", end)
            if found in QUOTES[opener] and (yield from self._closes(end + 1, where, found)):
                return _whole("".join(parts)), end + 1
            part, pos = yield from self._special(end)
            parts.append(part)

    def is_over(self, pos: int) -> Reading[bool]:
        """Whether nothing of the value comes any more, though brackets are open."""
        if (yield from self._source.peek(pos)):
            return bool((yield from self._source.word(pos, _OVER)))
        if self._source.cut:
            raise Broken("the answer was cut off at its limit; write less at a time", pos)
        return True

    def _items(self, pos: int, depth: int) -> Reading[tuple[list[Any], int]]:
        found: list[Any] = []
        pos += 1
        while True:
            pos = yield from self._source.skip(pos, " \t\r\n,")
            if (yield from self._source.peek(pos)) == "]":
                return found, pos + 1
            item, pos = yield from self.value(pos, "array", depth + 1)
            found.append(item)
            is_over, pos = yield from self._end_of_item(pos, "]")
            if is_over:
                return found, pos

    def _end_of_item(self, pos: int, closer: str) -> Reading[tuple[bool, int]]:
        """What follows an item: whether it was the last, and where to read on."""
        behind = yield from self._source.skip(pos)
        found = yield from self._source.peek(behind)
        if found == closer:
            return True, behind + 1
        if found == "," or (found and found in QUOTES and found != "`"):
            return False, behind
        if (yield from self.is_over(behind)):
            return True, behind
        raise Broken("a comma or a closing bracket is missing", behind)

    def _triple(self, pos: int, closer: str) -> Reading[tuple[str, int]]:
        start = pos
        while not (yield from self._source.word(pos, (closer,))):
            if not (yield from self._source.peek(pos)):
                raise Broken("the text ends inside a string", pos)
            pos += 1
        return _whole(self._source.text[start:pos]), pos + 3

    def _special(self, pos: int) -> Reading[tuple[str, int]]:
        """What the character at ``pos`` stands for, and where it ends."""
        if self._source.text[pos] != "\\":
            return self._source.text[pos], pos + 1
        found = yield from self._source.peek(pos + 1)
        if not found:
            raise Broken("the text ends inside a string", pos)
        if found == "u":
            yield from self._source.peek(pos + 5)
            if digits := _HEX.match(self._source.text[pos + 2 : pos + 6]):
                return chr(int(digits[0], 16)), pos + 6
        return _ESCAPES.get(found, f"\\{found}"), pos + 2

    def _closes(self, pos: int, where: Where, quote: str) -> Reading[bool]:
        """Whether the quote before ``pos`` ends its string, or lacks a backslash."""
        behind = yield from self._source.skip(pos)
        found = yield from self._source.peek(behind)
        if where == "key":
            return found in (":", "=")
        if found == _ENDS[where]:
            return self.quoted or not (yield from self._quote_follows(behind + 1, quote))
        if found == ",":
            behind = yield from self._source.skip(behind + 1)
            return (yield from self._goes_on(behind, where))
        if found and found in QUOTES and "\n" in self._source.text[pos:behind]:
            return where == "object" and (yield from self._is_key(behind))
        return not found or bool((yield from self._source.word(behind, _OVER)))

    def _quote_follows(self, pos: int, quote: str) -> Reading[bool]:
        pos = yield from self._source.skip(pos, " }])")
        return (yield from self._source.peek(pos)) == quote

    def _goes_on(self, pos: int, where: Where) -> Reading[bool]:
        """Whether what stands behind a comma is the next item of ``where``."""
        found = yield from self._source.peek(pos)
        if not found or found == _ENDS[where]:
            return True
        if where == "array":
            return found in QUOTES or found in "{[-" or found.isalnum()
        if where == "call" and found in QUOTES:
            return True
        return (yield from self._is_key(pos))

    def _is_key(self, pos: int) -> Reading[bool]:
        first = yield from self._source.peek(pos)
        if first not in QUOTES:
            end = yield from self._source.run(pos, _NAME)
            if end == pos:
                return False
        else:
            end, last = pos + 1, pos + _KEY_LIMIT
            while (found := (yield from self._source.peek(end))) and found not in QUOTES[first]:
                end += 2 if found == "\\" else 1
                if end > last:
                    return False
            end += 1
        end = yield from self._source.skip(end)
        return (yield from self._source.peek(end)) in (":", "=")

    def _bare(self, pos: int, where: Where) -> Reading[tuple[Any, int]]:
        """A number, a literal, or, but for arguments as in a program, a word without quotes."""
        end = yield from self._source.run(pos, _BARE)
        word = self._source.text[pos:end]
        if word in _LITERALS:
            return _LITERALS[word], end
        if _NUMBER.match(word):
            return _number(word, pos), end
        if not word or where == "call" or word in ("NaN", "Infinity", "-Infinity", "undefined"):
            raise Broken("a value is missing", pos)
        return word, end


def _number(word: str, pos: int) -> int | float:
    try:
        number = int(word)
    except ValueError:  # a fraction, or more digits than Python reads
        number = float(word)
    if not isfinite(number):
        raise Broken("a number is too large", pos)
    return number


def _whole(text: str) -> str:
    """``text`` with pairs of surrogates joined and single ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
