"""Finding a text in a file's content, whatever its line ends, and replacing it; pure.

Owns exact matches and where they are. Does not own what is told of a miss (``closest``).
"""

import bisect
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Replaced:
    """A content after ``lines`` of it (from 1, before the change) were replaced."""

    content: str
    lines: tuple[int, ...]


def unify(text: str) -> str:
    """``text`` with LF at the ends of its lines."""
    return text.replace("\r\n", "\n")


def take_line_ends(text: str, example: str) -> str:
    """``text`` with the line ends that most lines of ``example`` have."""
    windows = example.count("\r\n")
    text = unify(text)
    return text.replace("\n", "\r\n") if windows > example.count("\n") - windows else text


def find_lines(content: str, wanted: str) -> tuple[int, ...]:
    """The lines, from 1, at which ``wanted`` begins in ``content``."""
    content, wanted = unify(content), unify(wanted)
    lines: list[int] = []
    line, counted = 1, 0
    for start in _find(content, wanted):
        line += content.count("\n", counted, start)
        counted = start
        lines.append(line)
    return tuple(lines)


def replace(content: str, wanted: str, new: str) -> Replaced:
    """``content`` with every ``wanted`` replaced by ``new``; all else stays byte for byte."""
    unified, wanted = unify(content), unify(wanted)
    longer = _long_line_ends(content)
    new = take_line_ends(new, content)
    pieces: list[str] = []
    end = 0
    for start in _find(unified, wanted):
        stop = start + len(wanted)
        pieces += [content[end : start + bisect.bisect_left(longer, start)], new]
        end = stop + bisect.bisect_left(longer, stop)
    return Replaced("".join([*pieces, content[end:]]), find_lines(content, wanted))


def _find(content: str, wanted: str) -> list[int]:
    found: list[int] = []
    start = content.find(wanted)
    while start >= 0:
        found.append(start)
        start = content.find(wanted, start + len(wanted))
    return found


def _long_line_ends(content: str) -> list[int]:
    """Where each CRLF of ``content`` is once all are LF."""
    found: list[int] = []
    at = content.find("\r\n")
    while at >= 0:
        found.append(at - len(found))
        at = content.find("\r\n", at + 2)
    return found
