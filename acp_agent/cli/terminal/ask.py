"""Reading from the user: a line, and the answer to an agent's permission question.

Owns the terminal's input. Does not own what an answer leads to.
Spec: https://agentclientprotocol.com/protocol/v1/tool-calls#requesting-permission
"""

import contextlib
import importlib
import signal
import sys

from rich.text import Text

from acp_agent.cli.terminal.call_view import describe_call
from acp_agent.cli.terminal.json_values import Json, as_object, as_objects
from acp_agent.cli.terminal.view import View, printable


def read_line(prompt: str) -> str:
    """Reads one line. It blocks the event loop on purpose.

    Only the user is waited for, what the agent sends meanwhile stays in its pipe, and
    ``input`` on the main thread is the one way in which Ctrl-C and line editing work on
    every platform.

    Raises:
        EOFError: the input has ended (Ctrl-D).
        KeyboardInterrupt: Ctrl-C.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")  # gives ``input`` its line editing
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(prompt)
    finally:
        signal.signal(signal.SIGINT, previous)


class PermissionPrompt:
    """Puts an agent's permission questions to the user on ``view``.

    Where stdin is no terminal nobody can be asked, and the answer is a refusal.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def __call__(self, params: Json) -> str | None:
        """Returns the id of the chosen option, or None to cancel the turn."""
        options = as_objects(params.get("options"))
        call = as_object(params.get("toolCall"))
        title = str(call.get("title") or "The agent asks for permission.")
        if not sys.stdin.isatty():
            self._view.note(f"Refused, because there is no terminal to ask in: {title}")
            return _first(options, "reject")
        self._view.note(title, style="bold magenta")
        for text, style in describe_call(call):
            self._view.console.print(Text(f"  {printable(text)}", style=style))
        for number, option in enumerate(options, start=1):
            line = f"  {number}  {option.get('name')}"
            self._view.console.print(Text(printable(line)))
        return self._choose(options)

    def _choose(self, options: list[Json]) -> str | None:
        while True:
            question = f"y, n or 1-{len(options)}: "
            if not sys.stdout.isatty():
                # ``input`` would put it into the answer.
                self._view.console.print(question, end="")
                question = ""
            try:
                answer = read_line(question).strip().lower()
            except (EOFError, KeyboardInterrupt):
                self._view.console.print()
                return None
            if answer in ("y", "yes", "n", "no"):
                return _first(options, "allow" if answer[0] == "y" else "reject")
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return str(options[int(answer) - 1].get("optionId"))


def _first(options: list[Json], kind: str) -> str | None:
    """The least lasting option of a kind: ``..._once`` before ``..._always``."""
    for suffix in ("_once", "_always"):
        for option in options:
            if option.get("kind") == kind + suffix:
                return str(option.get("optionId"))
    return None
