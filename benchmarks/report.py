"""Figures of a run: median, spread, and the ratio to what they are compared with."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Row:
    """One agent's values of one measure, in ``unit``."""

    label: str
    values: Sequence[float]
    unit: str


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Prints a table. The first row is compared with each other one, pair by pair."""
    print(f"\n{title}")
    first = rows[0]
    for row in rows:
        middle, low, high = statistics.median(row.values), min(row.values), max(row.values)
        line = f"  {row.label:<28} {middle:10.2f} {row.unit:<4} ({low:.2f} to {high:.2f})"
        if row is not first:
            pairs = [a / b for a, b in zip(first.values, row.values, strict=False)]
            line += f"   {first.label} takes {statistics.median(pairs):.2f}x of it"
        print(line, flush=True)
