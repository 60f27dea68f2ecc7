"""The composition root: puts the parts together and names the concrete ones.

Owns which backends there are and how a process of the agent is built and ended. Does not
own any behaviour. What a session needs is imported when the first one starts.
"""

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.session_handlers import Loaded
from acp_agent.rpc.descriptors import Wire
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import LineReader, writer_to

if TYPE_CHECKING:
    from acp_agent.backends.base import Backend, Report
    from acp_agent.config.paths import Paths
    from acp_agent.config.settings import Settings
    from acp_agent.turn.modes import Modes

PREFERENCE = ("gptoss_20b", "ollama", "mlx")
"""Modes for a new session, best first, where the user configured none."""

_BUILTIN_GREETING = (
    "The built-in model, SmolLM2-135M, answers here: good for trying out, not for coding. "
    "For a real one, run `ollama pull gpt-oss:20b` with Ollama (https://ollama.com) and choose "
    "mode ollama."
)


def run_agent(wire: Wire) -> int:
    """Serves one client on ``wire`` until it closes; returns the exit status."""
    return anyio.run(_serve, wire)


async def _serve(wire: Wire) -> int:
    outbox = Outbox(writer_to(wire.write_fd))

    async def load() -> Loaded:
        return await anyio.to_thread.run_sync(_load, outbox)

    handlers = Handlers(load)
    peer = handlers.connect(outbox)
    reader = LineReader(wire.read_fd)
    status = 0
    async with anyio.create_task_group() as tasks:

        async def end_on_signal() -> None:
            nonlocal status
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for number in signals:
                    status = 128 + number
                    tasks.cancel_scope.cancel()

        if os.name == "posix":
            tasks.start_soon(end_on_signal)
        await peer.run(reader.batches())
        tasks.cancel_scope.cancel()
    with anyio.move_on_after(0.1):
        await handlers.aclose()
    return status


def _load(outbox: Outbox) -> Loaded:
    from acp_agent.config.load import load_settings
    from acp_agent.config.paths import find_paths
    from acp_agent.telemetry import configure_logging
    from acp_agent.turn.modes import Modes

    paths = find_paths()
    # First, so that a broken configuration is logged too.
    configure_logging(paths.log_file, "info")
    settings = load_settings(paths, os.environ).settings
    configure_logging(paths.log_file, settings.log.level)
    outbox.merge = settings.merge
    modes = Modes(build_backends(settings, paths), PREFERENCE, settings.default_mode)
    is_chosen = settings.default_mode == "mlx"
    return Loaded(modes, lambda mode: None if is_chosen else greeting(modes, mode))


def greeting(modes: "Modes", mode: str) -> str | None:
    """What a user of a new session in ``mode`` should know first; None for nothing."""
    unknown = modes.unknown_default
    if unknown is not None:
        known = ", ".join(modes.backends)
        return f"The configuration's default_mode {unknown!r} does not exist; there is {known}."
    from acp_agent.models.catalogue import BUILTIN_MODEL

    if mode == "mlx" and modes.readiness[mode].default_model == BUILTIN_MODEL:
        return _BUILTIN_GREETING
    return None


def build_backends(settings: "Settings", paths: "Paths") -> "dict[str, Backend]":
    """The backends of this process by mode id, in the order they are listed."""
    from acp_agent.backends.mlx import MlxBackend
    from acp_agent.backends.ollama.backend import OllamaBackend
    from acp_agent.backends.scripted import ScriptedBackend
    from acp_agent.engine.client import EngineClient
    from acp_agent.models.catalogue import BUILTIN_MODEL, CATALOGUE
    from acp_agent.models.store import ModelStore

    async def install(model: str, report: "Report") -> None:
        await install_model(model, paths, report)

    backends: list[Backend] = [
        OllamaBackend(settings.ollama),
        MlxBackend(
            settings.mlx,
            EngineClient(paths, settings.engine),
            find_models=ModelStore(paths.models).installed,
            builtin=CATALOGUE[BUILTIN_MODEL],
            install=install,
        ),
    ]
    if os.environ.get("ACP_AGENT_SCRIPTED") == "1":
        backends.append(ScriptedBackend())
    return {backend.id: backend for backend in backends}


async def install_model(model: str, paths: "Paths", report: "Report") -> None:
    """Installs ``model`` from the catalogue, each of its steps as a progress of its own.

    Raises:
        AgentError: it could not be installed, with what to do next.
    """
    from acp_agent.backends.base import Progress
    from acp_agent.engine.convert import convert_gguf
    from acp_agent.models.install import install

    steps: list[Progress] = []

    async def on_step(title: str, done: int | None, total: int | None) -> None:
        if steps and steps[-1].title == title:
            steps.append(replace(steps.pop(), done=done, total=total))
        else:
            await finish_last()
            steps.append(Progress(f"install-{len(steps)}", title, done, total, "B"))
        await report(steps[-1])

    async def finish_last() -> None:
        if steps:
            await report(replace(steps[-1], finished=True))

    await install(model, paths.models, convert=convert_gguf, report=on_step)
    await finish_last()
