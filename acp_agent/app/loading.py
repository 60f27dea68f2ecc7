"""What sessions need, built with the first one: settings, modes, tools, commands.

Owns putting them together. Does not own any behaviour.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import anyio

from acp_agent.app.auto import build_auto, open_decisions
from acp_agent.app.backends import build_backends, custom_models
from acp_agent.app.panel import build_panel, build_roster
from acp_agent.app.toolset import (
    build_servers,
    build_toolbox,
    build_workspace,
    choose_containment,
)
from acp_agent.backends.base import Watched
from acp_agent.config.load import load_settings
from acp_agent.config.paths import Paths, find_paths
from acp_agent.config.settings import Settings
from acp_agent.engine.client import EngineClient
from acp_agent.errors import BackendError
from acp_agent.models.catalogue import BUILTIN_MODEL
from acp_agent.models.custom import extend_catalogue
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.rpc.outbox import Outbox
from acp_agent.sessions.session import Session
from acp_agent.telemetry import configure_logging
from acp_agent.telemetry.turns import TurnLog, TurnRecord
from acp_agent.turn.auto.mode import AutoMode
from acp_agent.turn.commands.services import CommandServices, InstallTerms
from acp_agent.turn.modes import Modes
from acp_agent.turn.panel.mode import PanelMode
from acp_agent.turn.status import describe_status

PREFERENCE = ("gptoss_20b", "ollama", "openai", "mlx")
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


def load(outbox: Outbox) -> Loaded:
    """Reads the configuration and builds what sessions need.

    Raises:
        ConfigError: the configuration is wrong.
    """
    paths = find_paths()
    settings = _read_settings(paths)
    outbox.merge = settings.merge
    engine = EngineClient(paths, settings.engine)
    backends = build_backends(settings, paths, engine)
    roster = build_roster(settings, backends, PREFERENCE)
    composed = [AutoMode(settings.auto, backends), PanelMode(roster)]
    modes = Modes(backends, PREFERENCE, settings.default_mode, composed)
    is_chosen = settings.default_mode == "mlx"
    turns = TurnLog(paths.telemetry_file)

    def record(turn: TurnRecord) -> None:
        if settings.telemetry.enabled:
            turns.append(turn)

    forget = partial(_forget, engine)
    decisions = open_decisions(settings.auto, paths)
    auto = build_auto(settings, paths, engine, decisions, forget, record)
    panel = build_panel(settings, paths, roster)
    return Loaded(
        modes=modes,
        greeting=lambda mode: None if is_chosen else greeting(modes, mode),
        toolbox=build_toolbox(settings.tools),
        workspace=partial(build_workspace, choose_containment(settings.tools, paths), paths),
        servers=partial(build_servers, settings.tools),
        services=_build_commands(
            settings,
            paths,
            modes,
            engine,
            status=partial(_describe_status, modes, engine, turns),
            decisions=decisions,
            last_panel=panel.describe_last,
        ),
        record=record,
        forget=forget,
        permissions=settings.tools.permissions,
        delegation=settings.auto.delegation,
        auto=auto,
        panel=panel,
        watch={mode: backend for mode, backend in backends.items() if isinstance(backend, Watched)},
        mode_chosen=lambda session, before, now: auto.watch.mode_chosen(session.id, before, now),
    )


def _read_settings(paths: Paths) -> Settings:
    # First, so that a broken configuration is logged too.
    configure_logging(paths.log_file, "info")
    settings = load_settings(paths, os.environ).settings
    configure_logging(paths.log_file, settings.log.level)
    return settings


def _build_commands(
    settings: Settings, paths: Paths, modes: Modes, engine: EngineClient, **parts: Any
) -> CommandServices:
    """What slash commands need; ``parts`` are more of its fields."""
    return CommandServices(
        modes=modes,
        preference=PREFERENCE,
        configured_mode=settings.default_mode,
        unload=engine.unload,
        install_terms=partial(_find_terms, settings),
        exports=paths.state / "exports",
        **parts,
    )


def _find_terms(settings: Settings, model: str) -> InstallTerms | None:

    entry = extend_catalogue(custom_models(settings)).get(model)
    return None if entry is None else InstallTerms(entry.install_title, entry.install_terms)


async def _forget(engine: EngineClient, session_id: str) -> None:

    with suppress(BackendError), anyio.move_on_after(FORGET_LIMIT):
        await engine.forget(session_id)


async def _describe_status(
    modes: Modes, engine: EngineClient, turns: TurnLog, session: Session
) -> str:

    await modes.refresh(session.mode)
    status: Mapping[str, Any] | str | None = "It does not answer."
    try:
        with anyio.move_on_after(STATUS_LIMIT):
            status = await engine.status()
    except BackendError as error:
        status = error.message
    last = await anyio.to_thread.run_sync(turns.last, STATUS_TURNS)
    return describe_status(modes.describe(session), status, last)


def greeting(modes: Modes, mode: str) -> str | None:
    """What a user of a new session in ``mode`` should know first; None for nothing."""
    unknown = modes.unknown_default
    if unknown is not None:
        known = ", ".join(modes.listing)
        return f"The configuration's default_mode {unknown!r} does not exist; there is {known}."

    if mode == "mlx" and modes.readiness[mode].default_model == BUILTIN_MODEL:
        return _BUILTIN_GREETING
    return None
