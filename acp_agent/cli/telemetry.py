"""``acp-agent telemetry``: the figures of past turns, shown, exported and cleared.

Owns how they look. Does not own the file (``telemetry/turns``).
"""

import argparse
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from acp_agent.config.load import load_settings
from acp_agent.config.machine import format_memory
from acp_agent.config.paths import find_paths
from acp_agent.errors import AgentError
from acp_agent.telemetry.turns import TurnLog, TurnRecord, export_records

_WIDEST = 1000
_UNBROKEN = "\u00a0"
SHOWN = 20
"""Turns shown unless told otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of ``acp-agent telemetry``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="show the last turns")
    show.add_argument(
        "-n", type=_count, default=SHOWN, metavar="N", help=f"how many (default: {SHOWN})"
    )
    export = actions.add_parser("export", help="write all turns as CSV or JSON")
    export.add_argument(
        "--format", choices=["csv", "json"], default="csv", help="the form (default: csv)"
    )
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to (default: stdout)"
    )
    actions.add_parser("clear", help="delete the figures of all turns")


def run(arguments: argparse.Namespace) -> int:
    """Carries out ``arguments.action``; the exit status.

    Raises:
        AgentError: a file cannot be written or deleted.
    """
    paths = find_paths()
    log = TurnLog(paths.telemetry_file)
    if arguments.action == "clear":
        _clear(log)
        return 0
    if not load_settings(paths).settings.telemetry.enabled:
        print(
            "Telemetry is switched off (telemetry.enabled); what follows was kept before.",
            file=sys.stderr,
        )
    if arguments.action == "export":
        _export(log, arguments.format, arguments.output)
    else:
        _show(log.last(arguments.n))
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _clear(log: TurnLog) -> None:
    count = len(log.all())
    try:
        log.clear()
    except OSError as error:
        raise AgentError(f"The figures cannot be deleted: {error.strerror}.") from error
    print(f"{count} turn{'' if count == 1 else 's'} deleted.")


def _export(log: TurnLog, form: Literal["csv", "json"], target: Path | None) -> None:
    text = export_records(log.all(), form)
    if target is None:
        print(text, end="")
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AgentError(f"{target} cannot be written: {error.strerror}.") from error


def _show(records: list[TurnRecord]) -> None:
    if not records:
        print("No turn is recorded yet.")
    elif sys.stdout.isatty():
        _print_table(records)
    else:
        print("\t".join(_COLUMNS))
        for record in records:
            print("\t".join(cell(record) for cell in _COLUMNS.values()))


def _print_table(records: list[TurnRecord]) -> None:
    from rich.table import Table

    from acp_agent.cli.terminal.view import TerminalConsole

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in _TEXTS else "right", overflow="fold")
    for record in records:
        table.add_row(*(cell(record) for cell in _COLUMNS.values()))
    console = TerminalConsole()
    width = console.measure(table, options=console.options.update(max_width=_WIDEST)).maximum
    if width <= console.width:
        console.print(table, markup=False)
        return
    for record in records:
        console.print(_describe(record, console.width), markup=False, soft_wrap=True)


def _describe(record: TurnRecord, width: int) -> str:
    """``record`` on lines of its own, for a terminal too narrow for the table."""
    texts = [cell(record) for name, cell in _COLUMNS.items() if name in _TEXTS]
    # A figure is not torn from its name.
    figures = [
        f"{name} {value}".replace(" ", _UNBROKEN)
        for name, cell in _COLUMNS.items()
        if name not in _TEXTS and (value := cell(record))
    ]
    above = "  ".join(text for text in texts if text)
    below = textwrap.wrap(", ".join(figures), max(1, width - 2))
    return "\n  ".join([above, *below]).replace(_UNBROKEN, " ")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _local_time(record: TurnRecord) -> str:
    try:
        return datetime.fromisoformat(record.when).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return record.when


def _peak(record: TurnRecord) -> str:
    return "" if record.memory_peak is None else format_memory(record.memory_peak)


def _end(record: TurnRecord) -> str:
    return "cancelled" if record.cancelled else record.stop_reason or ""


_COLUMNS: dict[str, Callable[[TurnRecord], str]] = {
    "when": _local_time,
    "mode": lambda record: record.mode,
    "model": lambda record: record.model,
    "first token s": lambda record: _seconds(record.first_token_seconds),
    "total s": lambda record: _seconds(record.total_seconds),
    "queue s": lambda record: _seconds(record.queue_seconds),
    "prompt": lambda record: _number(record.prompt_tokens),
    "cached": lambda record: _number(record.cached_tokens),
    "generated": lambda record: _number(record.generated_tokens),
    "prefill/s": lambda record: _rate(record.prefill_rate),
    "decode/s": lambda record: _rate(record.decode_rate),
    "loops": lambda record: _number(record.n_loops),
    "peak": _peak,
    "end": _end,
}
_TEXTS = {"when", "mode", "model", "end"}
