"""Tables of text for the terminal and for pipes.

Owns their look. Does not own what stands in them.
"""

from collections.abc import Iterable, Sequence

from acp_agent.cli.terminal.view import TerminalConsole, printable

_PIPE_WIDTH = 200
"""Columns where no terminal tells its own."""


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1, title: str = ""
) -> None:
    """Prints ``rows`` below ``names``; the first ``texts`` columns are words, the others
    figures."""
    from rich.table import Table

    table = Table(
        box=None, header_style="bold", pad_edge=False, title=title or None, title_justify="left"
    )
    for place, name in enumerate(names):
        table.add_column(
            name,
            justify="left" if place < texts else "right",
            overflow="fold",
            no_wrap=place >= texts,
        )
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    console = TerminalConsole()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(table, markup=False)


def as_percent(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent; empty of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else ""


def as_seconds(value: float | None) -> str:
    """``value`` with two digits; empty where there is none."""
    return "" if value is None else f"{value:.2f}"
