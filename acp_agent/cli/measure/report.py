"""The report of ``acp-agent bench``: medians against the targets, as Markdown for the docs.

Owns the targets and the form. Does not own measuring (``runs``).
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from statistics import median

from acp_agent import __version__
from acp_agent.cli.measure.runs import Run
from acp_agent.config.machine import Machine, format_memory

GB = 10**9
"""Bytes in the unit of the targets."""
TARGETED = "gpt-oss-20b on an M1 or M2"
"""What the targets were set for."""


@dataclass(slots=True, frozen=True)
class Figure:
    """A row: how to read it off a run, how to write it, and the target, if there is one.

    Args:
        target: the value that must not be passed.
        at_least: whether more is better.
    """

    name: str
    read: Callable[[Run], float | None]
    write: Callable[[float], str]
    target: float | None = None
    at_least: bool = False

    def goal(self) -> str:
        """The target in words."""
        if self.target is None:
            return ""
        return f"{'more' if self.at_least else 'less'} than {self.write(self.target)}"

    def is_met(self, value: float) -> bool | None:
        """Whether ``value`` meets the target; None without one."""
        if self.target is None:
            return None
        return value > self.target if self.at_least else value < self.target


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _rate(value: float) -> str:
    return f"{value:.1f} tokens/s"


def _size(value: float) -> str:
    return f"{value / GB:.1f} GB" if value >= GB else f"{value / 10**6:.0f} MB"


FIGURES = (
    Figure("Load", lambda run: run.load, _seconds),
    Figure("First token, new prompt", lambda run: run.cold.first_token, _seconds, 2.0),
    Figure("First token, next turn", lambda run: run.warm.first_token, _seconds, 2.0),
    Figure("Answer", lambda run: run.cold.rate, _rate, 15.0, at_least=True),
    Figure("Peak memory", lambda run: run.peak, _size, 20 * GB),
    Figure("Memory after unload", lambda run: run.unloaded, _size, 0.5 * GB),
)


def missed(runs: Sequence[Run]) -> list[str]:
    """The names of the figures whose median misses its target."""
    return [
        figure.name
        for figure in FIGURES
        if (values := _values(figure, runs)) and figure.is_met(median(values)) is False
    ]


def markdown(runs: Sequence[Run], *, model: str, machine: Machine) -> str:
    """The block for the docs."""
    cold, warm = runs[0].cold, runs[0].warm
    facts = [
        f"* Model: {model}",
        f"* Machine: {_machine(machine)}",
        f"* Software: {_software()}",
        f"* Measured on {datetime.now(UTC).date().isoformat()}; median of {len(runs)}, range in "
        "brackets.",
        f"* The new prompt had {cold.prompt_tokens} tokens; of the {warm.prompt_tokens} of the "
        f"next turn {warm.cached_tokens} came from the cache.",
    ]
    rows = [_row(figure, _values(figure, runs)) for figure in FIGURES]
    head = [f"| Figure | Median | Target for {TARGETED} | |", "|---|---|---|---|"]
    return "\n".join([*facts, "", *head, *rows]) + "\n"


def _values(figure: Figure, runs: Sequence[Run]) -> list[float]:
    return [value for run in runs if (value := figure.read(run)) is not None]


def _row(figure: Figure, values: list[float]) -> str:
    if not values:
        return f"| {figure.name} | not known | {figure.goal()} | |"
    middle = median(values)
    spread = f"{figure.write(min(values))} to {figure.write(max(values))}"
    verdict = {True: "met", False: "missed", None: ""}[figure.is_met(middle)]
    cells = [figure.name, f"{figure.write(middle)} ({spread})", figure.goal(), verdict]
    return f"| {' | '.join(cells)} |"


def _machine(machine: Machine) -> str:
    total = machine.total()
    parts = [
        machine.chip() or platform.machine(),
        f"{format_memory(total)} memory" if total else "",
        f"macOS {platform.mac_ver()[0]}" if platform.mac_ver()[0] else platform.platform(),
    ]
    return ", ".join(part for part in parts if part)


def _software() -> str:
    parts = [f"acp-agent {__version__}", f"Python {platform.python_version()}"]
    for name in ("mlx", "mlx-lm"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)
