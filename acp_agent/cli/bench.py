"""``acp-agent bench``: an installed model, measured on this machine through the engine.

Owns the command. Does not own what is measured (``measure/runs``) or the targets
(``measure/report``).
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from acp_agent.config.paths import find_paths
from acp_agent.errors import AgentError

if TYPE_CHECKING:
    from acp_agent.cli.measure.runs import Engine, Run

RUNS = 3
"""Runs unless told otherwise."""


def add_arguments(parser: ArgumentParser) -> None:
    """Adds this subcommand's arguments."""
    parser.add_argument(
        "--real", action="store_true", help="measure a real model; takes minutes and its memory"
    )
    parser.add_argument(
        "--model",
        metavar="ID",
        help="a model's id, or the path of a model folder (default: gpt-oss's)",
    )
    parser.add_argument(
        "--runs", type=_count, default=RUNS, metavar="N", help=f"how many (default: {RUNS})"
    )


def run(arguments: Namespace) -> int:
    """Prints the figures; returns 0 if every target is met, 1 if not, 2 without ``--real``.

    Raises:
        AgentError: the model is not there, or could not be measured.
    """
    if not arguments.real:
        print(
            "acp-agent: This loads an installed model several times and needs its memory for "
            "minutes; `acp-agent bench --real` does it.",
            file=sys.stderr,
        )
        return 2
    from acp_agent.config.load import load_settings
    from acp_agent.engine.client import EngineClient

    paths = find_paths()
    settings = load_settings(paths).settings
    engine = EngineClient(paths, settings.engine)
    if reason := engine.explain_unsupported():
        raise AgentError(reason)
    name, model = find_bench_model(arguments.model or settings.gptoss.model)
    return measure(engine, name, model, arguments.runs)


def find_bench_model(wanted: str) -> tuple[str, str]:
    """The name of the model to measure, and what the engine knows it by.

    Raises:
        AgentError: it is not installed.
    """
    from acp_agent.cli.models.place import find_place

    found = find_place().find_model(wanted)
    return found.id, str(found.path)


def measure(engine: "Engine", name: str, model: str, count: int) -> int:
    """Measures ``model`` ``count`` times and prints the report; the exit status."""
    import anyio

    from acp_agent.cli.measure.report import markdown, missed
    from acp_agent.config.machine import Machine

    runs = anyio.run(_measure_runs, engine, model, count)
    print(markdown(runs, model=name, machine=Machine()), end="")
    return 1 if missed(runs) else 0


async def _measure_runs(engine: "Engine", model: str, count: int) -> list["Run"]:
    from acp_agent.cli.measure.runs import measure_run

    runs: list[Run] = []
    for number in range(count):
        _tell(f"Run {number + 1} of {count}")
        runs.append(await measure_run(engine, model, _tell))
    return runs


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number
