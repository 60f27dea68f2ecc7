"""Text that arrives in pieces, read as if it were there.

Owns looking ahead in a model's answer while it is written. Does not own what is looked for.
Readers are generators that stop (``yield``) where they need a character that is not there
yet. What they find is so a function of the text alone, however it was cut into pieces.
"""

import re
from collections.abc import Generator, Iterable
from typing import TypeVar

ResultT = TypeVar("ResultT")

Reading = Generator[None, None, ResultT]
"""Reads on whenever there is more text, or the text has ended; returns what it found."""

HOLD_LIMIT = 262_144
"""Characters of one call, at most."""
DOUBT_LIMIT = 16_384
"""Characters held back while it is not certain that they are a call."""

SPACE = " \t\r\n"


class Broken(Exception):
    """What stands at ``position`` cannot be read; ``reason`` is half a sentence."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class Source:
    """The text so far. ``ended``: no more comes; ``cut``: it was ended by a limit.

    Reading further than ``limit`` characters behind ``anchor`` is refused.
    """

    def __init__(self) -> None:
        self.text = ""
        self.ended = False
        self.cut = False
        self.anchor = 0
        self.limit = DOUBT_LIMIT

    def peek(self, pos: int) -> Reading[str]:
        """The character at ``pos``, empty behind the end.

        Raises:
            Broken: it is too far away.
        """
        if pos - self.anchor > self.limit:
            raise Broken("it is too long; write less at a time", pos)
        while pos >= len(self.text) and not self.ended:
            yield
        return self.text[pos : pos + 1]

    def skip(self, pos: int, characters: str = SPACE) -> Reading[int]:
        """Where the run of ``characters`` at ``pos`` ends."""
        while (found := (yield from self.peek(pos))) and found in characters:
            pos += 1
        return pos

    def run(self, pos: int, pattern: re.Pattern[str]) -> Reading[int]:
        """Where the run of characters that match ``pattern`` ends."""
        while True:
            while pos < len(self.text) and pattern.match(self.text, pos):
                pos += 1
            if not (yield from self.peek(pos)) or not pattern.match(self.text, pos):
                return pos

    def word(self, pos: int, words: Iterable[str]) -> Reading[str]:
        """The longest of ``words`` (in lower case) that stands at ``pos`` in any case.

        Empty if none does. Looks no further than it must to tell.
        """
        left, best, size = list(words), "", 0
        while left:
            found = (yield from self.peek(pos + size)).lower()
            left = [word for word in left if word[size] == found]
            size += 1
            best = next((word for word in left if len(word) == size), best)
            left = [word for word in left if len(word) > size]
        return best
