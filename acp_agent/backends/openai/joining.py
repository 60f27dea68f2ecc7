"""Pieces of text in which no character is cut.

Owns putting halves of characters together that a server sent in two pieces: servers that
think in UTF-16 cut between two surrogates. Halves of UTF-8 never get here: a line is decoded
when it is whole.
"""

_HIGH = ("\ud800", "\udbff")


class Joiner:
    """Holds back the first half of a character until the second comes."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The whole characters there are with ``piece``; may be empty."""
        text, self._half = self._half + piece, ""
        if text and _HIGH[0] <= text[-1] <= _HIGH[1]:
            text, self._half = text[:-1], text[-1]
        return mended(text)

    def finish(self) -> str:
        """What is left: a half whose other half never came, as a replacement character."""
        text, self._half = self._half, ""
        return mended(text)


def mended(text: str) -> str:
    """``text`` with halves of characters put together, or replaced where one is alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
