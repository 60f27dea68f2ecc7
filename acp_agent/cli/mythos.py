"""``acp-agent mythos``: what depth costs, measured through the engine as an editor would.

Owns the command, its runs and its table. Does not own the model (``backends``, the engine).
"""

import json
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from acp_agent.errors import AgentError

if TYPE_CHECKING:
    from acp_agent.backends.base import Backend
    from acp_agent.config.settings import Settings

DEPTHS = (1, 2, 4, 8, 16)
"""Depths that are compared unless told otherwise."""
MAX_TOKENS = 64
"""Upper limit of an answer unless told otherwise."""

_DEEPEST = 256
_WARM_UP = "Hello"
"""A prompt of its own, so that nothing of a measured one is in the cache."""


@dataclass(slots=True, frozen=True)
class Row:
    """One answer. Times are in seconds; what is not known, as of an answer without text, is
    None."""

    n_loops: int
    first_token_seconds: float | None
    seconds: float
    tokens: int | None
    tokens_per_second: float | None


def add_arguments(parser: ArgumentParser) -> None:
    """The actions of ``acp-agent mythos``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    sweep = actions.add_parser("sweep", help="ask OpenMythos at several depths")
    sweep.add_argument("prompt", metavar="PROMPT", help="what to ask, each time")
    sweep.add_argument(
        "--n-loops",
        type=_depths,
        default=DEPTHS,
        metavar="N,N,...",
        help=f"the depths (default: {','.join(map(str, DEPTHS))})",
    )
    sweep.add_argument("--variant", metavar="NAME", help="which size (default: mythos.variant)")
    sweep.add_argument(
        "--max-tokens",
        type=_positive,
        default=MAX_TOKENS,
        metavar="N",
        help=f"upper limit of each answer in tokens (default: {MAX_TOKENS})",
    )
    sweep.add_argument(
        "--checkpoint", metavar="FILE", help="the variant's weights (default: mythos.checkpoint)"
    )
    sweep.add_argument(
        "--device", choices=["cuda", "mps", "cpu"], help="where (default: mythos.device)"
    )
    sweep.add_argument("--json", action="store_true", help="write JSON instead of a table")


def run(arguments: Namespace) -> int:
    """Prints a row for each depth; the exit status.

    Raises:
        AgentError: the mode is not ready, there is no such variant, or the engine failed;
            what was measured before is printed.
    """
    import anyio

    from acp_agent.app.backends import build_backends
    from acp_agent.config.load import load_settings
    from acp_agent.config.paths import find_paths
    from acp_agent.engine.client import EngineClient

    paths = find_paths()
    settings = apply_options(load_settings(paths, os.environ).settings, arguments)
    backend = build_backends(settings, paths, EngineClient(paths, settings.engine))["mythos"]
    rows: list[Row] = []
    try:
        anyio.run(_sweep, backend, settings.mythos.variant, arguments, rows)
    finally:
        if rows:
            _print(rows, as_json=arguments.json)
    return 0


def apply_options(settings: "Settings", arguments: Namespace) -> "Settings":
    """``settings`` with what ``arguments`` say over them.

    A configured checkpoint is of the configured variant only.
    """
    mythos = settings.mythos
    variant = arguments.variant or mythos.variant
    configured = mythos.checkpoint if variant == mythos.variant else None
    changes = {
        "variant": variant,
        "checkpoint": arguments.checkpoint or configured,
        "device": arguments.device or mythos.device,
    }
    return settings.model_copy(update={"mythos": mythos.model_copy(update=changes)})


async def _sweep(backend: "Backend", variant: str, arguments: Namespace, rows: list[Row]) -> None:
    readiness = await backend.probe()
    known = [model.id for model in readiness.models]
    if known and variant not in known:
        raise AgentError(f"There is no variant {variant!r}: choose one of {', '.join(known)}.")
    if not readiness.ready:
        raise AgentError(readiness.reason)
    if readiness.reason:
        _tell(readiness.reason)
    _tell(f"Loading {variant} ...")
    await measure(backend, variant, _WARM_UP, n_loops=1, max_tokens=1)
    for n_loops in arguments.n_loops:
        _tell(f"Loops: {n_loops} ...")
        rows.append(
            await measure(
                backend, variant, arguments.prompt, n_loops=n_loops, max_tokens=arguments.max_tokens
            )
        )


async def measure(
    backend: "Backend", model: str, prompt: str, *, n_loops: int, max_tokens: int
) -> Row:
    """One answer to ``prompt`` at temperature 0.

    Raises:
        AgentError: as ``Backend.stream``.
    """
    from acp_agent.backends.base import ModelRequest, TextDelta, Usage
    from acp_agent.conversation import UserMessage

    request = ModelRequest(
        (UserMessage(prompt),),
        model,
        prompt,
        temperature=0.0,
        max_tokens=max_tokens,
        options={"n_loops": str(n_loops)},
    )
    began, first, usage = time.perf_counter(), None, None
    async with aclosing(backend.stream(request)) as events:
        async for event in events:
            if first is None and isinstance(event, TextDelta):
                first = time.perf_counter() - began
            elif isinstance(event, Usage):
                usage = event
    seconds = time.perf_counter() - began
    if usage is None:
        return Row(n_loops, first, seconds, None, None)
    spent = usage.answer_seconds
    rate = usage.output_tokens / spent if spent else None
    return Row(n_loops, first, seconds, usage.output_tokens, rate)


def _print(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from rich.table import Table

    from acp_agent.cli.terminal.view import TerminalConsole

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("loops", "first token s", "total s", "tokens", "tokens/s"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.n_loops),
            _write(row.first_token_seconds, 3),
            _write(row.seconds, 3),
            "" if row.tokens is None else str(row.tokens),
            _write(row.tokens_per_second, 1),
        )
    TerminalConsole().print(table)


def _write(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _depths(text: str) -> tuple[int, ...]:
    depths = tuple(_number(part) for part in text.split(","))
    if not all(1 <= depth <= _DEEPEST for depth in depths):
        raise ArgumentTypeError(f"must be numbers from 1 to {_DEEPEST} with commas between them")
    return depths


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None
