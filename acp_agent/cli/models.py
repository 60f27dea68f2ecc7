"""``acp-agent models``: list, install, find, check and remove local models.

Owns the command line and the progress display. Does not own the work
(``models/install``, ``models/store``, ``engine/convert``).
"""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from acp_agent.config.paths import find_paths
from acp_agent.engine.convert import convert_gguf
from acp_agent.engine.launch import explain_unsupported
from acp_agent.errors import AgentError, InstallError
from acp_agent.models.catalogue import CATALOGUE, CatalogueEntry, find_entry, format_size
from acp_agent.models.install import Report, install
from acp_agent.models.store import InstalledModel, ModelStore

_INTERRUPTED = 130
_OUTPUT_LINES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands on ``parser``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what is installed and what can be")
    for name, description in (
        ("install", "download a model and prepare it for MLX"),
        ("path", "print the folder of an installed model"),
        ("verify", "compare an installed model with its checksums"),
        ("remove", "delete an installed model"),
    ):
        action = actions.add_parser(name, help=description, description=description)
        action.add_argument("id", help="the model's id, as `models list` shows it")


def run(arguments: argparse.Namespace) -> int:
    """Does what ``arguments`` say; the exit status."""
    action: str = arguments.action
    folder = find_paths().models
    try:
        if action == "list":
            status = _list(folder)
            sys.stdout.flush()
            return status
        commands: dict[str, Callable[[str, Path], int]] = {
            "install": _install,
            "path": _path,
            "verify": _verify,
            "remove": _remove,
        }
        return commands[action](arguments.id, folder)
    except AgentError as error:
        _complain(error.message)
        if isinstance(error, InstallError):
            _print_tail(error.output)
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _complain(f"The models folder cannot be used: {error}.")
    return 1


def _list(folder: Path) -> int:
    installed = {model.id: model for model in ModelStore(folder).installed()}
    for entry in CATALOGUE.values():
        state = "installed" if entry.id in installed else "not installed"
        print(f"{entry.id}: {entry.name}, {state}")
        print(f"  {entry.description}")
        print(f"  {_facts(entry)}")
    for model in installed.values():
        if model.id not in CATALOGUE:
            print(f"{model.id}: {model.name}, installed\n  {model.description}")
    return 0


def _facts(entry: CatalogueEntry) -> str:
    download, disk = format_size(entry.download_bytes), format_size(entry.disk_bytes)
    return f"Licence {entry.licence}; download {download}, up to {disk} on disk."


def _install(model_id: str, folder: Path) -> int:
    entry = find_entry(model_id)
    store = ModelStore(folder)
    if store.find(model_id) is not None:
        print(f"{entry.name} is already installed.")
        return 0
    if reason := explain_unsupported():
        raise AgentError(reason)
    print(f"{entry.name}: {entry.description}")
    print(f"{_facts(entry)} {entry.licence_url}", flush=True)
    try:
        with _progress() as report:
            model = _run_install(model_id, folder, report)
    except KeyboardInterrupt:
        if store.find(model_id) is None:
            _complain("Interrupted: nothing was installed.")
        else:
            _complain(f"Interrupted, but {entry.name} is installed.")
        return _INTERRUPTED
    print(f"{model.name} is installed: choose mode mlx, model {model.id}.")
    return 0


def _run_install(model_id: str, folder: Path, report: Report) -> InstalledModel:
    import anyio

    async def main() -> InstalledModel:
        return await install(model_id, folder, convert=convert_gguf, report=report)

    return anyio.run(main)


def _path(model_id: str, folder: Path) -> int:
    model = ModelStore(folder).find(model_id)
    if model is None:
        _complain(_not_installed(model_id))
        return 1
    print(model.path)
    return 0


def _verify(model_id: str, folder: Path) -> int:
    problems = ModelStore(folder).verify(model_id)
    if not problems:
        print(f"{model_id} is valid: every file is as it was installed.")
        return 0
    for problem in problems:
        print(f"{problem.path}: {problem.kind}")
    _complain(f"{model_id} is damaged: `acp-agent models remove {model_id}`, then install it.")
    return 1


def _remove(model_id: str, folder: Path) -> int:
    ModelStore(folder).remove(model_id)
    print(f"{model_id} is removed.")
    return 0


def _not_installed(model_id: str) -> str:
    find_entry(model_id)
    return f"{model_id} is not installed: `acp-agent models install {model_id}` does that."


def _complain(message: str) -> None:
    print(f"acp-agent: {message}", file=sys.stderr)


def _print_tail(output: str) -> None:
    lines = [line for line in output.splitlines() if line.strip()]
    for line in lines[-_OUTPUT_LINES:]:
        print(f"  {line}", file=sys.stderr)


@contextmanager
def _progress() -> Generator[Report]:
    if sys.stdout.isatty():
        with _bar() as report:
            yield report
    else:
        yield sparse_lines(print)


@contextmanager
def _bar() -> Generator[Report]:
    """A live progress bar, for a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("Starting", total=None)

        async def report(stage: str, done: int | None, total: int | None) -> None:
            progress.update(task, description=stage, completed=done or 0, total=total)

        yield report


def sparse_lines(write: Callable[[str], object]) -> Callable[..., Awaitable[None]]:
    """A report that writes a line for each stage and each quarter of a download."""
    last = ""

    async def report(stage: str, done: int | None, total: int | None) -> None:
        nonlocal last
        line = stage
        if done is not None and total:
            line = f"{stage}: {done * 4 // total * 25} %"
        if line != last:
            last = line
            write(line)

    return report
