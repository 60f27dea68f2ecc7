"""Where the keys of a TOML document stand: key path to line number.

Owns the positions that ``tomllib`` does not keep. Does not own values or validity: the
document must have been read by ``tomllib`` without an error.

Grammar: https://toml.io/en/v1.0.0
"""

import re
import tomllib
from bisect import bisect_left

from acp_agent.config.keys import KeyPath

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<string>
          \"{3} (?:[^\\]|\\.)*? \"{3,5}
        | '{3} .*? '{3,5}
        | \" (?:[^\"\\\n]|\\.)* \"
        | ' [^'\n]* '
      )
    | (?P<mark>[\[\]{}=,.])
    | (?P<newline>\n)
    | (?P<bare>[^\s\[\]{}=,.\#\"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


def find_key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, on which each table and key of ``text`` first appears.

    Keys of inline tables are found too; tables inside arrays have no path of their own
    and are left out.

    Args:
        text: a valid TOML document.
    """
    return _Finder(text).find()


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of ``path``, or else of the innermost table around it that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Finder:
    """One pass over the tokens of a document; ``_next`` is the token looked at."""

    def __init__(self, text: str) -> None:
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._tokens = (match for match in _TOKEN.finditer(text) if match.lastgroup != "comment")
        self._next = next(self._tokens, None)
        self._lines: dict[KeyPath, int] = {}

    def find(self) -> dict[KeyPath, int]:
        table: KeyPath | None = ()
        while self._next is not None:
            if self._take("\n"):
                continue
            if self._take("["):
                self._take("[")
                table = self._key(())
                self._take("]")
                self._take("]")
            else:
                self._pair(table)
        return self._lines

    def _advance(self) -> None:
        self._next = next(self._tokens, None)

    def _take(self, mark: str) -> bool:
        """Whether the next token is ``mark``; if so, goes past it."""
        if self._next is None or self._next[0] != mark:
            return False
        self._advance()
        return True

    def _pair(self, table: KeyPath | None) -> None:
        """``key = value`` in ``table``; within an array that is None, and nothing is kept."""
        path = self._key(table)
        self._take("=")
        self._value(path)

    def _key(self, table: KeyPath | None) -> KeyPath | None:
        path = table
        while self._next is not None and self._next.lastgroup in ("string", "bare"):
            if path is not None:
                path = (*path, _plain(self._next))
                line = bisect_left(self._newlines, self._next.start()) + 1
                self._lines.setdefault(path, line)
            self._advance()
            self._take(".")
        return path

    def _value(self, path: KeyPath | None) -> None:
        if self._take("{"):
            while self._next is not None and not self._take("}"):
                if not (self._take(",") or self._take("\n")):
                    self._pair(path)
        elif self._take("["):
            while self._next is not None and not self._take("]"):
                if not (self._take(",") or self._take("\n")):
                    self._value(None)
        else:
            # One token at least, so that the pass always ends.
            self._advance()
            while self._next is not None and self._next[0] not in ("\n", ",", "]", "}"):
                self._advance()


def _plain(token: re.Match[str]) -> str:
    """The text of a key's part, without quotes and escapes."""
    if token.lastgroup == "bare":
        return token[0]
    if token[0].startswith("'"):
        return token[0][1:-1]
    return str(tomllib.loads(f"key = {token[0]}")["key"])
