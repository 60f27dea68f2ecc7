"""An engine that is in the way of the one wanted: how it is asked to leave.

Owns asking an engine of another version, or one that drains already, to make room
without ending anybody's answer, what is said to a user who waits, and, only where the
user wants it, ending one that does not answer. Does not own starting the next
(``launch``).
"""

import contextlib
import logging
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from acp_agent.engine import is_compatible
from acp_agent.engine.connection import RouteMissing, ask_health, call, connect
from acp_agent.engine.peer import listener_process
from acp_agent.errors import BackendError

_LOG = logging.getLogger(__name__)

INTERVAL = 0.25
"""Seconds between two looks at an engine that is to leave."""
_FIRST_WITH_DRAIN = 2


def is_usable(health: Mapping[str, Any]) -> bool:
    """Whether the engine with ``health`` takes our requests."""
    return is_compatible(health) and not health.get("draining")


async def make_way(path: Path) -> AsyncGenerator[str, None]:
    """Waits while the engine at ``path`` is one that we cannot use.

    Asks it to drain: it takes nothing new, ends what it answers, then leaves. That may
    take as long as an answer takes; there is no limit, and it is never killed.

    Yields:
        What is waited for, in a sentence; again only when that changes.

    Raises:
        BackendUnavailable: it does not answer at all.
    """
    said = None
    while True:
        # Not kept open: a connected client would keep an engine of protocol 1 from leaving.
        async with connect(path) as pool:
            health = await ask_health(pool)
            if health is None or is_usable(health):
                return
            sentence = await _ask_to_leave(path, health)
        if sentence != said:
            said = sentence
            yield sentence
        await anyio.sleep(INTERVAL)


async def ask_to_drain(path: Path) -> bool:
    """Asks the engine at ``path`` to leave after its last answer; False where none runs.

    Raises:
        RouteMissing: it is of protocol 1 and answers somebody; an idle one is ended.
        BackendError: it does not answer, or refused.
    """
    async with connect(path) as pool:
        health = await ask_health(pool)
        if health is None:
            return False
        if _has_drain(health):
            return await call(pool, "POST", "/v1/engine/drain") is not None
    if _is_busy(health) or not await signal_engine(path, health, signal.SIGTERM):
        raise RouteMissing(
            "The running engine is of an older version, which cannot be asked to leave after "
            "its last answer: try again when it is idle, or end it at once with "
            "`acp-agent engine stop --now`."
        )
    return True


async def signal_engine(path: Path, health: Mapping[str, Any] | None, number: int) -> bool:
    """Sends a signal to the process that listens at ``path``; whether that was possible.

    The kernel names the process. Where ``health`` is known it must name the same one: it
    does not in another container, where the number would be some other process's.
    """
    pid = await anyio.to_thread.run_sync(listener_process, path)
    if pid is None or (health is not None and health.get("pid") != pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        _LOG.info("signal %d to engine %d", number, pid)
    return True


async def _ask_to_leave(path: Path, health: Mapping[str, Any]) -> str:
    # Asked also where it drains already: one whose model thread failed only says so.
    try:
        await ask_to_drain(path)
    except BackendError as error:
        _LOG.warning("the engine was not asked to leave: %s", error.message)
    if not _has_drain(health):
        return (
            "An engine of an older version of acp-agent is running for another window; it "
            "leaves when it is no longer in use, and a new one starts."
        )
    if is_compatible(health):
        return "The engine was told to leave; a new one starts when its last answer is whole."
    return (
        "An engine of another version of acp-agent ends its last answer for another window; "
        "then a new one starts. Restart the other editors too, or the versions take turns."
    )


def _has_drain(health: Mapping[str, Any]) -> bool:
    protocol = health.get("protocol")
    return isinstance(protocol, int) and protocol >= _FIRST_WITH_DRAIN


def _is_busy(health: Mapping[str, Any]) -> bool:
    return bool(health.get("active_requests") or health.get("queued_requests"))
