"""What one engine process is told at its start.

Owns the options of ``acp-agent engine``. Does not own their meaning (``process``).
Imports little, so that the command's help is quick.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acp_agent.config.load import load_settings
from acp_agent.config.paths import find_paths
from acp_agent.errors import AgentError

PROGRESS_AFTER = 0.5
"""Seconds that reading a prompt takes before its progress is told."""


@dataclass(slots=True, frozen=True)
class Options:
    """The options in force; times in seconds."""

    socket: Path
    models: Path
    idle_timeout: float
    start_timeout: float
    prefill_step: int | None
    progress_after: float


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options to ``parser``; what is not given comes from the settings."""
    parser.add_argument("--socket", type=Path, metavar="FILE", help="socket to listen on")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="installed models")
    parser.add_argument(
        "--idle-timeout", type=float, metavar="S", help="seconds without use before it exits"
    )
    parser.add_argument(
        "--start-timeout", type=float, metavar="S", help="seconds to wait for one that is leaving"
    )
    parser.add_argument(
        "--prefill-step", type=int, metavar="N", help="prompt tokens between looks at a cancel"
    )
    parser.add_argument(
        "--progress-after",
        type=float,
        metavar="S",
        default=PROGRESS_AFTER,
        help="seconds before the progress of reading a prompt is told",
    )


def read_options(arguments: Namespace) -> Options:
    """The options in ``arguments``, completed by this user's settings and folders.

    Raises:
        ConfigError: the configuration is not usable.
        AgentError: an option is out of range.
    """
    paths = find_paths()
    settings = load_settings(paths).settings.engine
    options = Options(
        socket=(arguments.socket or paths.engine_socket).absolute(),
        models=(arguments.models or paths.models).absolute(),
        idle_timeout=_given(arguments.idle_timeout, settings.idle_timeout),
        start_timeout=_given(arguments.start_timeout, settings.start_timeout),
        prefill_step=_given(arguments.prefill_step, settings.prefill_step),
        progress_after=arguments.progress_after,
    )
    step = options.prefill_step
    if options.idle_timeout <= 0 or options.start_timeout <= 0 or (step is not None and step < 1):
        raise AgentError("Timeouts must be above 0 and the prefill step at least 1.")
    return options


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value
