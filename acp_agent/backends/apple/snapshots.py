"""From snapshots of an answer to its pieces; pure.

Owns what is new in a snapshot, also in one that revises what an earlier one said. Does not
own where snapshots come from.
"""

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
_ANCHOR = range(200, 7, -1)
"""Sizes, in characters, of a piece of text by which a revised answer finds its place again."""
_SHIFT = 64


class Pieces:
    """The pieces of one answer, of which every snapshot is to hold the whole so far.

    What was told cannot be taken back. A snapshot that extends the last one adds its end; a
    shorter one adds nothing; one that changes what was told goes on behind the last text that
    both have, so that nothing is said twice and nothing new is lost.
    """

    def __init__(self) -> None:
        self._told = self._snapshot = ""

    def take(self, snapshot: str) -> str:
        """What ``snapshot`` adds; may be empty.

        Characters at its end that are not whole yet wait for the next one.
        """
        self._snapshot = snapshot
        return self._advance(snapshot.rstrip(_UNFINISHED))

    def finish(self) -> str:
        """What is left at the end of the answer; may be empty."""
        return self._advance(self._snapshot)

    def _advance(self, text: str) -> str:
        told = self._told
        if told.startswith(text):
            return ""
        self._told = text
        if text.startswith(told):
            return text[len(told) :]
        return _revised(told, text)


def _revised(told: str, text: str) -> str:
    """What ``text`` says that ``told`` does not, where neither begins with the other."""
    for size in _ANCHOR:
        if size > len(told):
            continue
        place = text.rfind(told[-size:], 0, len(told) + _SHIFT)
        if place >= 0:
            return text[place + size :]
    common = next(
        place for place, (old, new) in enumerate(zip(told, text, strict=False)) if old != new
    )
    return text[common:] if common else f"\n\n{text}"
