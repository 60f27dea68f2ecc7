"""What ``chat``, ``run`` and ``demo`` have in common: options, and the terminal's streams.

Owns the command line's side. Imports little, because it is read for ``--help`` too.
"""

import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from io import TextIOWrapper
from pathlib import Path

from acp_agent.errors import ClientError

INTERRUPTED = 130
"""Exit status after Ctrl-C, by the shells' custom (128 + SIGINT)."""


def add_session_arguments(parser: ArgumentParser, *, mode: str | None = None) -> None:
    """Adds the options that say which agent, where, and in which mode with which model."""
    given = f"default: {mode}" if mode else "default: the agent's choice"
    parser.add_argument("--mode", default=mode, metavar="MODE", help=f"session mode ({given})")
    parser.add_argument("--model", metavar="MODEL", help="model of that mode")
    parser.add_argument("--cwd", default=".", metavar="DIR", help="folder the session works in")
    parser.add_argument(
        "--agent", metavar="COMMAND", help="talk to another ACP agent, started by this command"
    )


def agent_command(arguments: Namespace) -> list[str]:
    """The command that starts the agent.

    Raises:
        ClientError: ``--agent`` is no command.
    """
    if arguments.agent is None:
        # -P: the user's folder must not shadow modules of the agent's.
        return [sys.executable, "-P", "-m", "acp_agent"]
    try:
        command = shlex.split(arguments.agent, posix=os.name == "posix")
    except ValueError:
        command = []
    if not command:
        raise ClientError("--agent takes a command, as: --agent 'my-agent --acp'.")
    return command


def session_folder(arguments: Namespace) -> str:
    """The session's folder as an absolute path.

    Raises:
        ClientError: there is no such folder.
    """
    folder = Path(arguments.cwd).expanduser().absolute()
    if not folder.is_dir():
        raise ClientError(f"There is no folder {arguments.cwd}; give --cwd one that exists.")
    return str(folder)


def run_in_terminal(main: Callable[[], Awaitable[int]]) -> int:
    """Runs ``main`` and returns its exit status.

    Text that the terminal's encoding lacks is shown as ``?``; a reader of stdout that has
    gone away is status 1 without a word.

    Raises:
        AgentError: what ``main`` raised.
        KeyboardInterrupt: Ctrl-C outside a turn.
    """
    import anyio

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return anyio.run(main)
    except BrokenPipeError:
        # Python flushes stdout once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
