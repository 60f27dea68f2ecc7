"""What programs write for a terminal, made fit to read; pure.

Owns removing escape sequences and overwritten lines, bounded memory for output, code
blocks, single lines, and making invisible characters visible. Does not own where output
comes from.
"""

import re
from collections.abc import Iterator

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles and links, ended by BEL or ST
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and movements
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")
_FENCE = re.compile(r"`{3,}")
_HEAD_SHARE = 0.4
_SAMPLE = 20_000
_BINARY_SHARE = 0.2

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """``text`` as a terminal would leave it on the screen, without colours.

    Of a line that was written over (progress bars) the last state stays. Bytes that are
    no text come out as a sentence that says so.
    """
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    sample = text[:_SAMPLE].replace("\r", "").replace("\b", "")
    if len(_ODD.findall(sample)) > _BINARY_SHARE * len(sample):
        return f"[this is no text and is not shown: {len(text)} characters]\n"
    if "\r" in text or "\b" in text:
        text = "\n".join(_overwritten(line) for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def _overwritten(line: str) -> str:
    """The last state of a line that was written over."""
    states = [state for state in line.split("\r") if state]
    last = states[-1] if states else ""
    if "\b" not in last:
        return last
    kept: list[str] = []
    for character in last:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def code_block(text: str, language: str = "") -> str:
    """``text`` as a Markdown code block that nothing in it can end."""
    fence = "`" * max([3, *(len(run) + 1 for run in _FENCE.findall(text))])
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


def make_visible(text: str) -> str:
    r"""``text`` with characters that hide or reorder others written as ``\u202e``."""
    return _INVISIBLE.sub(lambda found: _escape(found.group()), text)


def in_line(text: str, limit: int = 200) -> str:
    """``text`` in one line; both ends of a longer one than ``limit``: the end may matter most."""
    shown = make_visible(text)
    if not shown.isprintable():
        shown = "".join(each if each.isprintable() else _escape(each) for each in shown)
    if len(shown) <= limit:
        return shown
    tail = limit // 2 - 1
    return f"{shown[: limit - tail - 1]}…{shown[-tail:]}"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class BoundedOutput:
    """The head and the tail of a stream of bytes, in at most ``limit`` bytes or so."""

    def __init__(self, limit: int) -> None:
        self._head_limit = int(limit * _HEAD_SHARE)
        self._tail_limit = max(1, limit - self._head_limit)
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0
        """Bytes that have come."""

    def add(self, data: bytes) -> None:
        """Takes what comes next."""
        self.size += len(data)
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._tail_limit:
            del self._tail[: -self._tail_limit]

    def text(self) -> str:
        """All that is kept, with a line that says what is missing where something is."""
        tail = bytes(self._tail[-self._tail_limit :])
        missing = self.size - len(self._head) - len(tail)
        if not missing:
            return (bytes(self._head) + tail).decode("utf-8", "replace")
        return "".join(_around_gap(bytes(self._head), missing, tail))

    def last(self, count: int) -> str:
        """The last ``count`` bytes or fewer of what came."""
        kept = bytes(self._tail[-count:])
        if len(kept) < count and self.size == len(self._head) + len(self._tail):
            kept = bytes(self._head[len(kept) - count :]) + kept
        return kept.decode("utf-8", "replace")


def _around_gap(head: bytes, missing: int, tail: bytes) -> Iterator[str]:
    """The two ends, each cut where a line or at least a character ends."""
    yield head.decode("utf-8", "ignore").rstrip("\n")
    yield f"\n[... {missing} bytes are left out here ...]\n"
    while tail and tail[0] & 0xC0 == 0x80:
        tail = tail[1:]
    yield tail.decode("utf-8", "replace")


def shorten(text: str, limit: int) -> str:
    """The head and the tail of ``text`` in at most ``limit`` bytes or so."""
    bounded = BoundedOutput(limit)
    bounded.add(text.encode("utf-8", "replace"))
    return bounded.text()
