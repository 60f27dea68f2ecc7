"""A prompt turn with something going on beside it: a watch for Ctrl-C, or for the demo's cue.

Owns the structure of the tasks. Does not own what is shown.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from acp_agent.cli.terminal.session import AgentSession
from acp_agent.errors import AgentError

Beside = Callable[[anyio.CancelScope], Coroutine[Any, Any, None]]
"""Runs while the turn does, and is cancelled at its end; cancelling the scope gives it up."""


async def run_turn(session: AgentSession, text: str, beside: Beside) -> str | None:
    """Runs a turn and returns its stop reason, or None when it was given up unanswered.

    Raises:
        AgentError: the turn failed.
    """
    failure: Exception | None = None
    reason: str | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        # An agent that is gone ends the turn, too, which then tells the reason.
        with contextlib.suppress(AgentError):
            await beside(scope)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        try:
            reason = await session.prompt(text)
        except Exception as error:
            # Raised below, where no task group wraps it.
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return reason


def cancel_on_interrupt(session: AgentSession, tell: Callable[[], None]) -> Beside:
    """Ctrl-C cancels the turn (after ``tell``); a second one gives it up."""

    async def watch(scope: anyio.CancelScope) -> None:
        if sys.platform == "win32":
            return
        with anyio.open_signal_receiver(signal.SIGINT) as interrupts:
            await anext(interrupts)
            tell()
            await session.cancel()
            await anext(interrupts)
            scope.cancel()

    return watch
