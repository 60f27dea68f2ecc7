"""``acp-agent run``: one prompt, one answer on stdout, for scripts and quick questions.

Owns this subcommand. stdout carries the answer's text and nothing else.
"""

import sys
from argparse import ArgumentParser, Namespace

from acp_agent.cli.terminal.launch import (
    INTERRUPTED,
    add_session_arguments,
    agent_command,
    run_in_terminal,
    session_folder,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Adds this subcommand's arguments."""
    parser.add_argument(
        "prompt", nargs="?", default="-", metavar="PROMPT", help="the prompt; - reads stdin"
    )
    add_session_arguments(parser)


def run(arguments: Namespace) -> int:
    """Prints one answer; returns 0, 2 without a prompt, 130 after Ctrl-C.

    Raises:
        AgentError: there was no answer.
    """
    text = _read_prompt() if arguments.prompt == "-" else str(arguments.prompt)
    if not text.strip():
        print('acp-agent: There is no prompt; try: acp-agent run "PROMPT".', file=sys.stderr)
        return 2
    return run_in_terminal(lambda: _answer(arguments, text))


def _read_prompt() -> str:
    if sys.stdin.isatty():
        print("Type the prompt, then Ctrl-D on a line of its own:", file=sys.stderr)
    return sys.stdin.buffer.read().decode(errors="replace")


async def _answer(arguments: Namespace, text: str) -> int:
    from acp_agent.cli.terminal.ask import PermissionPrompt
    from acp_agent.cli.terminal.session import AgentSession
    from acp_agent.cli.terminal.turn import cancel_on_interrupt, run_turn
    from acp_agent.cli.terminal.view import AnswerView, TerminalConsole

    view = AnswerView(TerminalConsole(stderr=True))
    command, folder = agent_command(arguments), session_folder(arguments)
    session = AgentSession(command, folder, listener=view.show, ask=PermissionPrompt(view))
    interrupted = False

    def tell() -> None:
        nonlocal interrupted
        interrupted = True
        view.note("Cancelling; Ctrl-C again gives up waiting.", style="dim")

    async with session:
        if arguments.mode:
            await session.set_mode(arguments.mode)
        if arguments.model:
            await session.set_model(arguments.model)
        try:
            reason = await run_turn(session, text, cancel_on_interrupt(session, tell))
        finally:
            view.end()
        await session.close()
    if interrupted:
        return INTERRUPTED
    if reason != "end_turn":
        view.note(f"The answer ended early: {reason}.")
    elif not view.answered:
        view.note("The model gave no text.")
    return 1 if reason == "cancelled" else 0
