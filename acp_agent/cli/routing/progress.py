"""A line on stderr that says how far a long measurement is, on a terminal only.

Owns when and how it is shown. Does not own the work.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_PATIENCE = 2.0
"""Seconds before the line is shown."""
_EVERY = 0.2

T = TypeVar("T")


def follow(
    items: Iterable[T], total: int, what: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """``items`` unchanged; while they are taken, ``what`` and the share done are shown."""
    if not sys.stderr.isatty():
        yield from items
        return
    shown_at = clock() + _PATIENCE
    was_shown = False
    for count, item in enumerate(items):
        if clock() >= shown_at:
            sys.stderr.write(f"\r{what}: {100 * count // max(1, total)} % ")
            sys.stderr.flush()
            was_shown = True
            shown_at = clock() + _EVERY
        yield item
    if was_shown:
        sys.stderr.write(f"\r{' ' * (len(what) + 8)}\r")
        sys.stderr.flush()
