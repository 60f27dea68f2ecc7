"""Tokens to text as they come: whole characters, and the texts that end an answer.

Owns the state between one token and the next. Does not own the vocabulary
(``vocabulary``) nor what the text means.
"""

from collections.abc import Callable, Sequence

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_HELD_LIMIT = 8
"""Tokens. A character takes at most four; the rest is room for stray bytes before it."""


class StreamDecoder:
    """Turns tokens into text in whole characters only.

    What a cut answer leaves of a character is not given out.

    Args:
        decode: the text of some tokens. A token's text may depend on the one before it,
            as the space before a word does, so each is decoded together with that one.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._context: list[int] = []
        self._known = 0
        self._held: list[int] = []

    def add(self, token: int) -> str:
        """The text that ``token`` completes, often none."""
        self._held.append(token)
        text = self._decode(self._context + self._held)
        if text.endswith(_INCOMPLETE) and len(self._held) < _HELD_LIMIT:
            return ""
        known = self._known
        self._context, self._held = self._held, []
        self._known = len(self._decode(self._context))
        return text[known:]


class StopTexts:
    """Ends an answer before the first of ``texts``, also where it comes in pieces."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._held = ""

    def add(self, text: str) -> tuple[str, bool]:
        """What of the answer is now certain, and whether a stop text was met."""
        if not self._texts:
            return text, False
        self._held += text
        ends = [at for stop in self._texts if (at := self._held.find(stop)) >= 0]
        if ends:
            certain, self._held = self._held[: min(ends)], ""
            return certain, True
        keep = max(_overlap(self._held, stop) for stop in self._texts)
        certain = self._held[: len(self._held) - keep]
        self._held = self._held[len(certain) :]
        return certain, False

    def finish(self) -> str:
        """What was held back, when the text ends otherwise; the next one may begin."""
        left, self._held = self._held, ""
        return left


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of ``text`` that starts ``stop``."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if stop.startswith(text[-size:])), 0)
