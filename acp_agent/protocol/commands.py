"""Slash commands on the wire.

Owns telling the editor of them. Does not own which there are (``turn/commands/table``) nor
what they answer (``turn/commands/answer``).

Source: https://agentclientprotocol.com/protocol/v1/slash-commands
"""

from collections.abc import Sequence

from acp_agent.protocol.wire.updates import (
    AvailableCommand,
    AvailableCommandsUpdate,
    UnstructuredCommandInput,
)
from acp_agent.turn.commands.table import COMMANDS, CommandOnOffer, FoundCommand, find_command

__all__ = ["FoundCommand", "commands_update", "find_command"]


def commands_update(extra: Sequence[CommandOnOffer] = ()) -> AvailableCommandsUpdate:
    """All commands, and ``extra`` behind them, for the editor's menu."""
    return AvailableCommandsUpdate(
        available_commands=[_on_wire(command) for command in (*COMMANDS, *extra)]
    )


def _on_wire(command: CommandOnOffer) -> AvailableCommand:
    hint = UnstructuredCommandInput(hint=command.hint) if command.hint else None
    return AvailableCommand(name=command.name, description=command.description, input=hint)
