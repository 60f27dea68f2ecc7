"""``acp-agent demo``: the main job shown in one go, with a real agent over a real wire.

Owns the demonstration and its verdict: 0 only when a question was answered, a second one
was cancelled midway, and the agent left with exit status 0. Needs no terminal.
"""

import json
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from acp_agent.cli import installed_command
from acp_agent.cli.terminal.launch import (
    add_session_arguments,
    agent_command,
    run_in_terminal,
    session_folder,
)
from acp_agent.errors import AgentError, ClientError

if TYPE_CHECKING:
    from anyio import CancelScope

    from acp_agent.cli.terminal.json_values import Json
    from acp_agent.cli.terminal.session import AgentSession
    from acp_agent.cli.terminal.view import View

QUESTION = "What is the capital of France?"
LONG_TASK = "Write a long story about the keeper of a lighthouse."
CHUNKS_BEFORE_CANCEL = 8
TURN_LIMIT = 300.0
"""Seconds one turn of the demo may take, the loading of the model included."""


def add_arguments(parser: ArgumentParser) -> None:
    """Adds this subcommand's arguments."""
    add_session_arguments(parser, mode="mlx")


def run(arguments: Namespace) -> int:
    """Shows the demonstration and returns 0.

    Raises:
        AgentError: with a sentence about what went wrong.
    """
    return run_in_terminal(lambda: _demonstrate(arguments))


async def _demonstrate(arguments: Namespace) -> int:
    from acp_agent.cli.terminal.ask import PermissionPrompt
    from acp_agent.cli.terminal.session import AgentSession
    from acp_agent.cli.terminal.view import TerminalConsole, View, choices_table

    view = View(TerminalConsole())
    meter = Meter()

    def listen(update: "Json") -> None:
        meter.count(update)
        view.show(update)

    command, folder = agent_command(arguments), session_folder(arguments)
    session = AgentSession(command, folder, listener=listen, ask=PermissionPrompt(view))
    view.note(
        "This terminal plays the editor: it starts an agent and talks ACP to it.", style="dim"
    )
    async with session:
        started = f"{session.agent} answered initialize after {session.startup * 1000:.0f} ms"
        view.note(f"{started} (ACP v1 over stdio).", style="bold")
        await session.set_mode(arguments.mode)
        if arguments.model:
            await session.set_model(arguments.model)
        view.console.print(choices_table("Session modes", session.modes, session.mode))
        await _show_answer(session, view, meter)
        await _show_cancel(session, view, meter)
        status = await session.close()
    if status != 0:
        raise ClientError(f"The agent left with exit status {status} instead of 0.")
    view.note("The agent left with exit status 0.", style="dim")
    # Not wrapped, so that it can be copied.
    view.console.print(f"Next, in Zed's settings.json: {zed_settings()}", soft_wrap=True)
    return 0


class Meter:
    """Counts the pieces of an answer and when they came; ``start`` begins anew."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begins a turn."""
        import anyio

        self.began = time.perf_counter()
        self.first = self.last = 0.0
        self.chunks = 0
        self.text = ""
        self.enough = anyio.Event()

    def count(self, update: "Json") -> None:
        """Takes note of a session update."""
        from acp_agent.cli.terminal.view import chunk_text, is_answer

        text = chunk_text(update) if is_answer(update) else ""
        if not text:
            return
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.chunks += 1
        # A verdict needs some text, not all of it.
        self.text = (self.text + text)[-1000:]
        if self.chunks >= CHUNKS_BEFORE_CANCEL:
            self.enough.set()

    def summary(self) -> str:
        """The turn in figures: seconds to the first text, chunks, chunks a second."""
        count = f"{self.chunks} chunk{'' if self.chunks == 1 else 's'}"
        parts = [f"first text after {self.first - self.began:.2f} s", count]
        if self.last > self.first:
            parts.append(f"{(self.chunks - 1) / (self.last - self.first):.1f} chunks/s")
        return ", ".join(parts)


async def _show_answer(session: "AgentSession", view: "View", meter: Meter) -> None:
    import anyio

    view.note(f"\n> {QUESTION}", style="bold blue")
    meter.start()
    try:
        with anyio.fail_after(TURN_LIMIT):
            reason = await session.prompt(QUESTION)
    except TimeoutError:
        limit = f"{TURN_LIMIT:.0f} seconds"
        raise ClientError(f"The answer was not complete after {limit}.") from None
    finally:
        view.finish()
    if not meter.text.strip():
        raise AgentError(f"The agent gave no answer to the question (it stopped with {reason}).")
    view.note(meter.summary(), style="dim")


async def _show_cancel(session: "AgentSession", view: "View", meter: Meter) -> None:
    import anyio

    from acp_agent.cli.terminal.turn import run_turn

    asked = 0.0

    async def cancel_midway(scope: "CancelScope") -> None:
        nonlocal asked
        with anyio.move_on_after(TURN_LIMIT):
            await meter.enough.wait()
            asked = time.perf_counter()
            await session.cancel()
            await anyio.sleep_forever()
        scope.cancel()

    view.note(f"\n> {LONG_TASK}", style="bold blue")
    meter.start()
    try:
        reason = await run_turn(session, LONG_TASK, cancel_midway)
        latency = time.perf_counter() - asked
    finally:
        view.finish()
    if reason is None:
        what = "did not answer the cancel" if asked else "was not far enough to be cancelled"
        raise ClientError(f"The long answer {what} within {TURN_LIMIT:.0f} seconds.")
    if not asked:
        raise AgentError("The long answer ended before it could be cancelled; try another model.")
    if reason != "cancelled":
        raise AgentError(f"The cancelled answer ended with {reason} instead of cancelled.")
    view.note(f"cancelled: answered {latency * 1000:.1f} ms after session/cancel", style="dim")


def zed_settings() -> str:
    """The entry that puts this agent into Zed, with the installed command's full path."""
    entry = json.dumps({"acp-agent": {"type": "custom", "command": installed_command()}})
    return f'"agent_servers": {entry}'
