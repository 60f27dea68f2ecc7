"""The composition root: puts the parts together and names the concrete ones.

Owns which backends there are and how a process of the agent is built and ended. Does not
own any behaviour. What a session needs is imported when the first one starts.
"""

import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.session_handlers import Loaded
from acp_agent.rpc.descriptors import Wire
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import LineReader, writer_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.backends.base import Ask, Backend, Report
    from acp_agent.config.paths import Paths
    from acp_agent.config.settings import Settings
    from acp_agent.engine.client import EngineClient
    from acp_agent.models.catalogue import CatalogueEntry
    from acp_agent.models.custom import CustomModel
    from acp_agent.sessions.session import Session
    from acp_agent.telemetry.turns import TurnLog
    from acp_agent.turn.modes import Modes

PREFERENCE = ("gptoss_20b", "ollama", "mlx")
"""Modes for a new session, best first, where the user configured none."""

FORGET_LIMIT = 1.0
"""Seconds that the engine may take to forget a session."""

STATUS_LIMIT = 2.0
"""Seconds that the engine may take to tell its status."""

STATUS_TURNS = 100
"""Turns that ``/status`` counts."""

_BUILTIN_GREETING = (
    "The built-in model, SmolLM2-135M, answers here: good for trying out, not for coding. "
    "For a real one, choose mode gptoss_20b, or run `ollama pull gpt-oss:20b` with Ollama "
    "(https://ollama.com) and choose mode ollama."
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
    from acp_agent.engine.client import EngineClient
    from acp_agent.telemetry import configure_logging
    from acp_agent.telemetry.turns import TurnLog, TurnRecord
    from acp_agent.tools.base import Toolbox
    from acp_agent.tools.read_file import ReadFile
    from acp_agent.turn.modes import Modes

    paths = find_paths()
    # First, so that a broken configuration is logged too.
    configure_logging(paths.log_file, "info")
    settings = load_settings(paths, os.environ).settings
    configure_logging(paths.log_file, settings.log.level)
    outbox.merge = settings.merge
    engine = EngineClient(paths, settings.engine)
    modes = Modes(build_backends(settings, paths, engine), PREFERENCE, settings.default_mode)
    is_chosen = settings.default_mode == "mlx"
    turns = TurnLog(paths.telemetry_file)

    def record(turn: TurnRecord) -> None:
        if settings.telemetry.enabled:
            turns.append(turn)

    return Loaded(
        modes,
        lambda mode: None if is_chosen else greeting(modes, mode),
        Toolbox([ReadFile()]),
        partial(_describe_status, modes, engine, turns),
        record,
        partial(_forget, engine),
    )


async def _forget(engine: "EngineClient", session_id: str) -> None:
    from acp_agent.errors import BackendError

    with suppress(BackendError), anyio.move_on_after(FORGET_LIMIT):
        await engine.forget(session_id)


async def _describe_status(
    modes: "Modes", engine: "EngineClient", turns: "TurnLog", session: "Session"
) -> str:
    from acp_agent.errors import BackendError
    from acp_agent.turn.status import describe_status

    await modes.refresh(session.mode)
    status: Mapping[str, Any] | str | None = "It does not answer."
    try:
        with anyio.move_on_after(STATUS_LIMIT):
            status = await engine.status()
    except BackendError as error:
        status = error.message
    last = await anyio.to_thread.run_sync(turns.last, STATUS_TURNS)
    return describe_status(modes.describe(session), status, last)


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


def build_backends(
    settings: "Settings", paths: "Paths", engine: "EngineClient"
) -> "dict[str, Backend]":
    """The backends of this process by mode id, in the order they are listed."""
    from acp_agent.backends.engine.gptoss import GptOssBackend
    from acp_agent.backends.engine.mlx import MlxBackend
    from acp_agent.backends.ollama.backend import OllamaBackend
    from acp_agent.backends.scripted import ScriptedBackend
    from acp_agent.models.catalogue import BUILTIN_MODEL, CATALOGUE, GPT_OSS_MODEL
    from acp_agent.models.custom import extend_catalogue
    from acp_agent.models.store import ModelStore

    custom = custom_models(settings)
    catalogue = extend_catalogue(custom)
    store = ModelStore(paths.models, custom)

    async def install(model: str, report: "Report", ask: "Ask") -> None:
        from acp_agent.backends.engine.installing import install_model
        from acp_agent.config.machine import Machine

        memory = None if settings.engine.ignore_memory else Machine().total()
        await install_model(paths.models, catalogue, memory, model, report, ask)

    own = [entry for entry in catalogue.values() if entry.id not in CATALOGUE]
    backends: list[Backend] = [
        GptOssBackend(
            settings.gptoss,
            engine,
            find_models=store.installed,
            check=store.check,
            unfinished=store.unfinished,
            offered=CATALOGUE[GPT_OSS_MODEL],
            install=install,
            explain_unfit=partial(_explain_unfit, settings, CATALOGUE[GPT_OSS_MODEL]),
        ),
        OllamaBackend(settings.ollama),
        MlxBackend(
            settings.mlx,
            engine,
            find_models=store.installed,
            check=store.check,
            unfinished=store.unfinished,
            offered=[CATALOGUE[BUILTIN_MODEL], *own],
            install=install,
        ),
    ]
    if os.environ.get("ACP_AGENT_SCRIPTED") == "1":
        backends.append(ScriptedBackend())
    return {backend.id: backend for backend in backends}


def custom_models(settings: "Settings") -> "list[CustomModel]":
    """The models that the configuration names."""
    from pathlib import Path

    from acp_agent.models.custom import CustomModel

    return [
        CustomModel(
            id=name,
            repo=own.repo,
            path=None if own.path is None else Path(own.path).expanduser().absolute(),
            revision=own.revision,
            name=own.name,
            licence=own.licence,
            context_size=own.context_size,
            minimum_memory=own.minimum_memory,
        )
        for name, own in settings.models.items()
    ]


def _explain_unfit(settings: "Settings", entry: "CatalogueEntry") -> str | None:
    from acp_agent.config.machine import Machine, explain_unfit

    if settings.engine.ignore_memory:
        return None
    unfit = explain_unfit(entry.minimum_memory, entry.recommended_memory, Machine().total())
    return unfit.reason if unfit is not None and unfit.severity == "refuse" else None
