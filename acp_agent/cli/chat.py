"""``acp-agent chat``: an interactive conversation in the terminal.

Owns the loop and its slash commands. Does not own the look of a turn (``terminal/view``).
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from acp_agent.cli.terminal.launch import (
    INTERRUPTED,
    add_session_arguments,
    agent_command,
    run_in_terminal,
    session_folder,
)

if TYPE_CHECKING:
    from acp_agent.cli.terminal.session import AgentSession
    from acp_agent.cli.terminal.view import View

HELP = """\
/mode          lists the modes      /mode NAME    changes the mode
/model         lists the models     /model NAME   changes the model
/help          shows this           /quit         leaves (as Ctrl-D does)
Ctrl-C cancels the running answer; pressed twice it leaves."""


def add_arguments(parser: ArgumentParser) -> None:
    """Adds this subcommand's arguments."""
    add_session_arguments(parser)


def run(arguments: Namespace) -> int:
    """Talks until the user leaves; returns 0, or 130 after Ctrl-C twice."""
    return run_in_terminal(lambda: _converse(arguments))


async def _converse(arguments: Namespace) -> int:
    from acp_agent.cli.terminal.ask import PermissionPrompt
    from acp_agent.cli.terminal.session import AgentSession
    from acp_agent.cli.terminal.view import TerminalConsole, View

    view = View(TerminalConsole())
    command, folder = agent_command(arguments), session_folder(arguments)
    session = AgentSession(command, folder, listener=view.show, ask=PermissionPrompt(view))
    async with session:
        if arguments.mode:
            await session.set_mode(arguments.mode)
        if arguments.model:
            await session.set_model(arguments.model)
        model = f", model {session.model}" if session.model else ""
        view.note(f"{session.agent}, mode {session.mode}{model}", style="bold")
        view.note("/help lists the commands, Ctrl-D leaves.", style="dim")
        status = await Chat(session, view).loop()
        await session.close()
    return status


class Chat:
    """The loop of a conversation in ``session``, shown on ``view``."""

    def __init__(self, session: "AgentSession", view: "View") -> None:
        self._session = session
        self._view = view

    async def loop(self) -> int:
        """Reads and runs lines until the user leaves; returns the exit status."""
        from acp_agent.cli.terminal.ask import read_line

        interrupted = False
        while True:
            try:
                line = read_line(f"{self._session.mode}> ").strip()
            except EOFError:
                self._view.console.print()
                return 0
            except KeyboardInterrupt:
                self._view.console.print()
                if interrupted:
                    return INTERRUPTED
                interrupted = True
                self._view.note("Ctrl-C again or Ctrl-D leaves.", style="dim")
                continue
            interrupted = False
            status = await self._take(line)
            if status is not None:
                return status

    async def _take(self, line: str) -> int | None:
        """Runs one line; returns the exit status where it ends the conversation."""
        from acp_agent.errors import AgentError

        if line in ("/quit", "/exit"):
            return 0
        try:
            if line.startswith("/") and line[1:].split(" ")[0] not in self._session.commands:
                await self._command(line)
            elif line:
                return await self._turn(line)
        except AgentError as error:
            self._view.finish()
            if not self._session.alive:
                raise
            print(error.message, file=sys.stderr)
        return None

    async def _command(self, line: str) -> None:
        from acp_agent.cli.terminal.view import choices_table

        session, console = self._session, self._view.console
        match line.split(maxsplit=1):
            case ["/mode"]:
                console.print(choices_table("Modes", session.modes, session.mode))
            case ["/mode", name]:
                await session.set_mode(name)
            case ["/model"]:
                console.print(choices_table("Models", session.models, session.model))
            case ["/model", name]:
                await session.set_model(name)
                self._view.note(f"model {session.model}", style="dim")
            case ["/help"]:
                self._view.note(HELP, style="")
            case _:
                self._view.note(f"There is no command {line.split()[0]}; /help lists them.")

    async def _turn(self, text: str) -> int | None:
        from acp_agent.cli.terminal.turn import cancel_on_interrupt, run_turn

        def tell() -> None:
            self._view.note("Cancelling; Ctrl-C again leaves.", style="dim")

        reason = await run_turn(self._session, text, cancel_on_interrupt(self._session, tell))
        self._view.finish()
        if reason is None:
            return INTERRUPTED
        if reason != "end_turn":
            self._view.note(f"The answer ended early: {reason}.")
        return None
