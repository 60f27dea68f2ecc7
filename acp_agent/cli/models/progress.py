"""How far an installation is, on a terminal or line by line.

Owns how it is shown. Does not own what is reported (``models/install``) or rate and
remaining time (``models/pace``).
"""

import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from acp_agent.models.install import Report
from acp_agent.models.pace import Pace

_LARGE = 1_000_000_000
"""Bytes from which a line is written for every twentieth instead of every quarter."""


@contextmanager
def showing_progress() -> Generator[Report]:
    """A report that shows what it is told, on a terminal as a live bar."""
    if sys.stdout.isatty():
        with _bar() as report:
            yield report
    else:
        yield sparse_lines(_print)


def sparse_lines(
    write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
) -> Callable[..., Awaitable[None]]:
    """A report that writes a line for each stage and for each quarter of a download.

    Each twentieth of a large one.
    """
    last = ""
    pace = Pace(clock)

    async def report(stage: str, done: int | None, total: int | None) -> None:
        nonlocal last
        line, more = stage, ""
        if done is not None and total:
            parts = 20 if total >= _LARGE else 4
            line = f"{stage}: {done * parts // total * (100 // parts)} %"
            more = pace.describe(stage, done, total)
        if line != last:
            last = line
            write(line + more)

    return report


def _print(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _bar() -> Generator[Report]:
    """A live progress bar, for a terminal."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    pace = Pace()
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("Starting", total=None, pace="")

        async def report(stage: str, done: int | None, total: int | None) -> None:
            told = pace.describe(stage, done or 0, total) if total else ""
            progress.update(
                task,
                description=stage,
                completed=done or 0,
                total=total,
                pace=told.removeprefix(", "),
            )

        yield report
