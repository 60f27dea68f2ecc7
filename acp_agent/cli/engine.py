"""``acp-agent engine``: runs the engine in the foreground, or looks after the running one.

Owns the command's options and actions. Does not own the engine (``engine.host``), which
the agent starts by itself, with this command, when a prompt needs it, nor the wording of
its status (``cli.engine_report``).
"""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import deque
from pathlib import Path
from typing import Any, TextIO

import anyio

from acp_agent.config.load import load_settings
from acp_agent.config.paths import find_paths
from acp_agent.engine.client import EngineClient
from acp_agent.engine.connection import RouteMissing
from acp_agent.engine.launch import explain_no_engine
from acp_agent.errors import AgentError, BackendUnavailable

NOT_RUNNING = 3
"""Exit status of ``status`` without an engine, as for service scripts (LSB)."""
STOP_GRACE = 30.0
"""Seconds that the engine has to end at once, before it is killed."""

_NONE = "No engine is running."
_LINES = 40
_INTERVAL = 0.25
_UNLOAD_PATIENCE = 10.0


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the engine's options and actions to ``parser``."""
    from acp_agent.engine.host import options

    options.add_arguments(parser)
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", title="actions, in place of running it"
    )
    status = actions.add_parser("status", help="what the running engine does and holds")
    status.add_argument("--json", action="store_true", help="as a JSON object, for programs")
    stop = actions.add_parser("stop", help="end the running engine after its last answer")
    stop.add_argument("--now", action="store_true", help="end it at once, also in an answer")
    unload = actions.add_parser("unload", help="take models out of memory")
    unload.add_argument("model", nargs="?", help="the model's id; all without one")
    logs = actions.add_parser("logs", help="print the end of the engine's log")
    logs.add_argument("-n", "--lines", type=int, default=_LINES, metavar="N", help="lines to print")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")


def run(arguments: Namespace) -> int:
    """Does the action in ``arguments``; without one serves until idle or interrupted.

    Raises:
        AgentError: the engine cannot run here, or another one does; or it does not answer.
    """
    from acp_agent.engine.host import options

    action: str | None = arguments.action
    given = options.given_options(arguments)
    if action is not None and given:
        raise AgentError(f"{given[0]} is for running an engine; leave it out with `{action}`.")
    if action == "logs":
        return _show_log(arguments.lines, follow=arguments.follow)
    if reason := explain_no_engine():
        raise AgentError(reason)
    if action is None:
        from acp_agent.engine.host import process

        return process.run(options.read_options(arguments))
    actions = {"status": _status, "stop": _stop, "unload": _unload}
    return anyio.run(actions[action], _new_client(), arguments)


def _new_client() -> EngineClient:
    paths = find_paths()
    return EngineClient(paths, load_settings(paths).settings.engine)


async def _status(client: EngineClient, arguments: Namespace) -> int:
    from acp_agent.cli.engine_report import describe

    try:
        status = await client.status()
    except RouteMissing:
        status = await client.health()
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        print(_NONE if status is None else "\n".join(describe(status)))
    return NOT_RUNNING if status is None else 0


async def _stop(client: EngineClient, arguments: Namespace) -> int:
    if arguments.now:
        return await _stop_now(client)
    health = await client.health()
    if health is None or not await client.drain():
        print(_NONE)
        return 0
    if count := _requests(health):
        answers = "1 answer" if count == 1 else f"{count} answers"
        print(f"Waiting for {answers} to end; `acp-agent engine stop --now` ends it at once.")
        sys.stdout.flush()
    await client.wait_ended(health["pid"])
    print("The engine has ended.")
    return 0


async def _stop_now(client: EngineClient) -> int:
    pid = 0
    try:
        health = await client.health()
        if health is None or not await client.stop():
            print(_NONE)
            return 0
        pid = health["pid"]
        with anyio.move_on_after(STOP_GRACE):
            await client.wait_ended(pid)
            print("The engine has ended.")
            return 0
    except BackendUnavailable:
        pass  # it hangs
    if not await client.kill():
        raise AgentError("The engine has not ended yet; it gives up by itself in two minutes.")
    await client.wait_ended(pid)
    print("The engine did not answer, so its process was killed.")
    return 0


async def _unload(client: EngineClient, arguments: Namespace) -> int:
    model: str | None = arguments.model
    status = await client.status()
    if status is not None and not _is_loaded(status, model):
        print("No model is in memory." if model is None else f"{model} was not in memory.")
        return 0
    if not await client.unload(model):
        print(_NONE)
        return 0
    with anyio.move_on_after(_UNLOAD_PATIENCE):
        while True:
            if not _is_loaded(await client.status(), model):
                print("No model is in memory." if model is None else f"{model} is unloaded.")
                return 0
            await anyio.sleep(_INTERVAL)
    print("It is still in use; `acp-agent engine status` shows how.")
    return 1


def _is_loaded(status: dict[str, Any] | None, model: str | None) -> bool:
    names = {entry["id"] for entry in (status or {}).get("models", ())}
    return bool(names) if model is None else Path(model).name in names


def _requests(health: dict[str, Any]) -> int:
    return int(health.get("active_requests") or 0) + int(health.get("queued_requests") or 0)


def _show_log(lines: int, *, follow: bool) -> int:
    path = find_paths().engine_log_file
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise AgentError("There is no log: the engine has not been started yet.") from None
    except OSError as error:
        raise AgentError(f"The engine's log cannot be read: {error.strerror}.") from error
    with file:
        sys.stdout.writelines(deque(file, maxlen=max(lines, 0)))
        if follow:
            _follow(path, file)
    return 0


def _follow(path: Path, file: TextIO) -> None:
    """Prints what is added to ``file``, and to the next one that takes its place at ``path``."""
    while True:
        sys.stdout.writelines(file)
        sys.stdout.flush()
        if _was_replaced(path, file):
            with path.open(encoding="utf-8", errors="replace") as successor:
                return _follow(path, successor)
        time.sleep(_INTERVAL)


def _was_replaced(path: Path, file: TextIO) -> bool:
    import os

    try:
        return not os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:  # between the two there is none
        return False
