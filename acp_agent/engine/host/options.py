"""What one engine process is told at its start.

Owns the options of ``acp-agent engine``. Does not own their meaning (``process``).
Imports little, so that the command's help is quick.
"""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acp_agent.config.load import load_settings
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.host.address import Address, parse_address
from acp_agent.errors import AgentError

PROGRESS_AFTER = 0.5
"""Seconds that reading a prompt takes before its progress is told."""
MEGABYTE = 2**20

_UNITS = {"s": 1, "m": 60, "h": 3600}

_ARGUMENTS: tuple[tuple[str, type, str, str], ...] = (
    ("socket", Path, "FILE", "socket to listen on"),
    ("models", Path, "FOLDER", "installed models"),
    ("cache-folder", Path, "FOLDER", "where past prompts are kept"),
    ("idle-timeout", float, "S", "seconds without use before it exits"),
    ("start-timeout", float, "S", "seconds to wait for one that is leaving"),
    ("unload-after", str, "TIME", "idle time of a model in memory, as 10m or never"),
    ("max-sequences", int, "N", "answers that one model writes at the same time"),
    ("cache-memory", int, "MB", "memory for past prompts"),
    ("cache-disk", int, "MB", "disk space for past prompts"),
    ("prefill-step", int, "N", "prompt tokens between looks at a cancel"),
    ("progress-after", float, "S", "seconds before the progress of reading a prompt is told"),
    ("listen", str, "HOST:PORT", "TCP address to listen at too; needs --token-env"),
    ("token-env", str, "NAME", "environment variable with the token for --listen"),
)


@dataclass(slots=True, frozen=True)
class Options:
    """The options in force; times in seconds, sizes in bytes.

    ``unload_after`` None keeps models in memory. ``listen`` and ``token_env`` come together.
    """

    socket: Path
    models: Path
    cache_folder: Path
    idle_timeout: float
    start_timeout: float
    unload_after: float | None
    max_sequences: int
    cache_memory: int
    cache_disk: int
    ignore_memory: bool
    prefill_step: int | None
    progress_after: float
    listen: Address | None
    token_env: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options to ``parser``; what is not given comes from the settings."""
    for name, kind, metavar, description in _ARGUMENTS:
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=description)
    parser.add_argument(
        "--ignore-memory",
        action=BooleanOptionalAction,
        help="load models that memory seems too small for",
    )


def given_options(arguments: Namespace) -> list[str]:
    """The options that ``arguments`` name, as they are written."""
    names = [name for name, *_ in _ARGUMENTS] + ["ignore-memory"]
    return [f"--{name}" for name in names if getattr(arguments, name.replace("-", "_")) is not None]


def read_options(arguments: Namespace) -> Options:
    """The options in ``arguments``, completed by this user's settings and folders.

    Raises:
        ConfigError: the configuration is not usable.
        AgentError: an option is out of range, or one lacks its companion.
    """
    paths = find_paths()
    settings = _with_settings(arguments, load_settings(paths).settings.engine)
    if (arguments.listen is None) != (arguments.token_env is None):
        raise AgentError("--listen and --token-env belong together: give both or none.")
    options = Options(
        socket=(arguments.socket or paths.engine_socket).absolute(),
        models=(arguments.models or paths.models).absolute(),
        cache_folder=(arguments.cache_folder or paths.prompt_caches).absolute(),
        idle_timeout=settings["idle_timeout"],
        start_timeout=settings["start_timeout"],
        unload_after=_read_idle_time(settings["unload_after"]),
        max_sequences=settings["max_sequences"],
        cache_memory=settings["cache_memory"] * MEGABYTE,
        cache_disk=settings["cache_disk"] * MEGABYTE,
        ignore_memory=settings["ignore_memory"],
        prefill_step=settings["prefill_step"],
        progress_after=_given(arguments.progress_after, PROGRESS_AFTER),
        listen=None if arguments.listen is None else parse_address(arguments.listen),
        token_env=arguments.token_env,
    )
    _check(options)
    return options


def _with_settings(arguments: Namespace, settings: EngineSettings) -> dict[str, Any]:
    return {
        name: _given(getattr(arguments, name), default)
        for name, default in settings.model_dump().items()
    }


def _read_idle_time(text: str) -> float | None:
    """Seconds; None for ever."""
    if text == "never":
        return None
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isdecimal() or not int(number):
        raise AgentError("--unload-after must be a time such as 10m, 1h or 90s, or never.")
    return float(int(number) * unit)


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def _check(options: Options) -> None:
    if options.idle_timeout <= 0 or options.start_timeout <= 0:
        raise AgentError("Timeouts must be above 0.")
    step = options.prefill_step
    if options.max_sequences < 1 or (step is not None and step < 1):
        raise AgentError("--max-sequences and --prefill-step must be at least 1.")
    if options.cache_memory < 0 or options.cache_disk < 0:
        raise AgentError("--cache-memory and --cache-disk cannot be below 0.")
