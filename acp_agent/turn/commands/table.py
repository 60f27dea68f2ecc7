"""Which slash commands there are.

Owns their names, words and order, and finding one in a prompt. Does not own what they do
(``answer``) nor telling the editor (``protocol/commands``).

Source: https://agentclientprotocol.com/protocol/v1/slash-commands
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class CommandOnOffer(Protocol):
    """A command for the editor's menu; prompts of MCP servers are such too.

    ``name`` is without the slash, ``hint`` what to type behind it, empty for nothing.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def hint(self) -> str: ...


@dataclass(slots=True, frozen=True)
class SlashCommand:
    """A command of the agent's own."""

    name: str
    description: str
    hint: str = ""


@dataclass(slots=True, frozen=True)
class FoundCommand:
    """A command in a prompt, with what was typed behind it."""

    name: str
    argument: str = ""


COMMANDS = (
    SlashCommand("help", "List the commands"),
    SlashCommand("models", "List the models of every mode"),
    SlashCommand("install", "Install a model", "[model]; without one, what this mode lacks"),
    SlashCommand("unload", "Take models out of the engine's memory", "[model]; without one, all"),
    SlashCommand("status", "Show the mode, the engine's memory and queue, and the last turns"),
    SlashCommand("compact", "Free room in the model's context window now"),
    SlashCommand("init", "Look at the project and write AGENTS.md", "[what matters most]"),
    SlashCommand(
        "permissions",
        "Show what is allowed in this session, change it, take answers back",
        "[ask | accept_edits | read_only | full | revoke NUMBER | revoke all]",
    ),
    SlashCommand("plan", "Plan a task without changes yet", "[task]; without one, show the plan"),
    SlashCommand(
        "routing",
        "Show which mode and model answer here and why, and the last decisions",
        "[wrong | NUMBER]; wrong marks the last decision, NUMBER shows so many",
    ),
    SlashCommand("export", "Write the conversation into a Markdown file"),
)


def find_command(text: str, extra: Sequence[CommandOnOffer] = ()) -> FoundCommand | None:
    """The command that the prompt ``text`` is, None where it is for a model.

    A command that takes nothing is none with something behind it: ``/status is red`` is a
    sentence.
    """
    typed = re.fullmatch(r"/(\S+)(?:\s+(.*))?", text.strip(), re.DOTALL)
    if typed is None:
        return None
    name, argument = typed[1], typed[2] or ""
    command = next((each for each in (*COMMANDS, *extra) if each.name == name), None)
    if command is None or (argument and not command.hint):
        return None
    return FoundCommand(name, argument)
