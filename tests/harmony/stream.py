"""Token streams for parser tests, in which a token is any piece of text.

Owns writing them as text with marks, cutting them up, and running a parser over them.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence

from acp_agent.harmony.events import ArgumentsDelta, HarmonyEvent, TextDelta, ThoughtDelta
from acp_agent.harmony.marks import Mark
from acp_agent.harmony.parser import HarmonyParser

OTHER = "<|reserved|>"
"""A control token without a meaning."""

_CONTROLS = [*(mark.value for mark in Mark), OTHER]
_CONTROL = re.compile("(" + "|".join(map(re.escape, _CONTROLS)) + ")")

Stream = list[str | bytes]
"""Control tokens as their text, and pieces of text as UTF-8."""


def stream_of(text: str) -> Stream:
    """``text`` with one token for each text between control tokens."""
    parts = [part for part in _CONTROL.split(text) if part]
    return [part if part in _CONTROLS else part.encode() for part in parts]


def by_byte(stream: Stream) -> Stream:
    """``stream`` with a token for each byte."""
    cut: Stream = []
    for part in stream:
        cut += [part] if isinstance(part, str) else [bytes([byte]) for byte in part]
    return cut


def every_cut(stream: Stream) -> Iterator[Stream]:
    """``stream`` with one of its texts in two tokens, for every place to cut."""
    for index, part in enumerate(stream):
        if isinstance(part, bytes):
            for at in range(1, len(part)):
                yield [*stream[:index], part[:at], part[at:], *stream[index + 1 :]]


def parse(stream: Sequence[str | bytes], *, finish: bool = True) -> list[HarmonyEvent]:
    """The events of ``stream``, adjacent deltas of a kind in one."""
    controls = {text: number for number, text in enumerate(_CONTROLS)}
    pieces = [part for part in stream if isinstance(part, bytes)]
    numbers = iter(range(len(controls), len(controls) + len(pieces)))
    marks = dict.fromkeys(controls.values())
    marks |= {controls[mark.value]: mark for mark in Mark}
    parser = HarmonyParser(marks, lambda: _Decoder(pieces, len(controls)))
    events: list[HarmonyEvent] = []
    for part in stream:
        events += parser.feed(controls[part] if isinstance(part, str) else next(numbers))
    return joined(events + (parser.finish() if finish else []))


def joined(events: Iterable[HarmonyEvent]) -> list[HarmonyEvent]:
    """``events`` with adjacent deltas of a kind in one."""
    found: list[HarmonyEvent] = []
    for event in events:
        match found[-1] if found else None, event:
            case ThoughtDelta(before), ThoughtDelta(text):
                found[-1] = ThoughtDelta(before + text)
            case ArgumentsDelta(before), ArgumentsDelta(text):
                found[-1] = ArgumentsDelta(before + text)
            case TextDelta(before, True), TextDelta(text, True):
                found[-1] = TextDelta(before + text, preamble=True)
            case TextDelta(before, False), TextDelta(text, False):
                found[-1] = TextDelta(before + text)
            case _:
                found.append(event)
    return found


class _Decoder:
    def __init__(self, pieces: Sequence[bytes], offset: int) -> None:
        self._pieces = pieces
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        return self._decoder.decode(self._pieces[token - self._offset])
