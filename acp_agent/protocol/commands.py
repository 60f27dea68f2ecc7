"""Slash commands that the agent itself answers.

Owns which there are, telling the editor of them, and recognising one in a prompt. Does
not own what a command answers.

Source: https://agentclientprotocol.com/protocol/v1/slash-commands
"""

from typing import Final

from acp_agent.protocol.wire.updates import AvailableCommand, AvailableCommandsUpdate

STATUS: Final = "status"

_COMMANDS = (
    AvailableCommand(
        name=STATUS, description="Show the mode, the engine's memory and queue, and the last turns"
    ),
)


def commands_update() -> AvailableCommandsUpdate:
    """All commands, for the editor's menu."""
    return AvailableCommandsUpdate(available_commands=list(_COMMANDS))


def find_command(text: str) -> str | None:
    """The command that the prompt ``text`` is, None where it is for a model."""
    name = text.strip().removeprefix("/")
    if not text.strip().startswith("/"):
        return None
    return next((command.name for command in _COMMANDS if command.name == name), None)
