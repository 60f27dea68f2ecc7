"""What mode ``auto`` needs, put together.

Owns naming the parts, and reading what the engine and the machine say of memory. Does not
own any decision (``acp_agent.routing``, ``acp_agent.turn.auto``).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from acp_agent.config.machine import Machine
from acp_agent.config.paths import Paths
from acp_agent.config.settings import AutoSettings, Settings
from acp_agent.engine.client import EngineClient
from acp_agent.errors import BackendError, ConfigError
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.gates import Load
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.auto.watch import Watch

if TYPE_CHECKING:
    from acp_agent.routing.rubric import Weights

_LOG = logging.getLogger(__name__)

STATUS_LIMIT = 0.3
"""Seconds that the engine may take to say what it does."""

_FULL = 2
"""The engine's level of memory pressure from which nothing more is let in."""
_DARWIN_CRITICAL = 4
_STALLED = 10.0
"""Percent of the last 10 seconds in which all tasks waited for memory."""

_SHORT = "The machine is short of memory now: close other large programs, then ask again."


def open_decisions(settings: AutoSettings, paths: Paths) -> DecisionLog | None:
    """The log of decisions; None where the user does not want one."""
    if not settings.log:
        return None
    return DecisionLog(paths.decision_log, keep_prompts=settings.log_prompts)


def build_auto(
    settings: Settings,
    paths: Paths,
    engine: EngineClient,
    decisions: DecisionLog | None,
    forget: Callable[[str], Awaitable[None]],
    record: Callable[[TurnRecord], None],
) -> AutoServices:
    """What mode ``auto`` needs; the rubric is loaded with its first prompt."""
    return AutoServices(
        settings=settings.auto,
        read_weights=_read_weights,
        log=decisions,
        threshold=partial(_read_threshold, paths.routing_profile),
        read_load=partial(_read_load, engine, is_ignored=settings.engine.ignore_memory),
        forget=forget,
        record=record,
        watch=Watch((lambda _: None) if decisions is None else decisions.mark),
    )


@cache
def _read_weights() -> "Weights":
    from acp_agent.routing.weights import load_weights

    return load_weights()


def _read_threshold(path: Path) -> float | None:
    """The user's own threshold; None where there is none that can be used."""
    from acp_agent.routing.profile import load_profile

    try:
        profile = load_profile(path, _read_weights())
    except ConfigError as error:
        _LOG.warning("the routing profile is left out: %s", error.message)
        return None
    return None if profile is None else profile.threshold


async def _read_load(engine: EngineClient, model: str, *, is_ignored: bool) -> Load:
    """What the engine does with ``model``; ``is_ignored``: memory is not looked at."""
    status: Mapping[str, Any] | None = None
    try:
        with anyio.move_on_after(STATUS_LIMIT):
            status = await engine.status()
    except BackendError as error:
        _LOG.info("the engine did not tell its status: %s", error.message)
    found = read_status(status or {}, Path(model).name)
    if is_ignored or found.is_loaded or found.shortage:
        return found if not is_ignored else Load(found.is_loaded, found.waiting)
    return Load(found.is_loaded, found.waiting, _SHORT if _is_short(Machine()) else "")


def read_status(status: Mapping[str, Any], model: str) -> Load:
    """What the engine's ``status`` says of ``model``."""
    entries: Sequence[Mapping[str, Any]] = status.get("models") or ()
    states = [each.get("state") for each in entries if each.get("id") == model]
    memory: Mapping[str, Any] = status.get("memory") or {}
    is_loaded = any(state in ("ready", "busy", "loading") for state in states)
    is_short = not is_loaded and memory.get("pressure", 0) >= _FULL
    return Load(is_loaded, int(status.get("queued_requests", 0)), _SHORT if is_short else "")


def _is_short(machine: Machine) -> bool:
    stall = machine.stall()
    level = machine.pressure_level()
    return (stall is not None and stall.full >= _STALLED) or (level or 0) >= _DARWIN_CRITICAL
