"""Requests from the agent to the client: permission, files, terminals.

Owns the types of https://agentclientprotocol.com/protocol/v1/tool-calls (permission),
file-system and terminals. Does not own when they may be sent. Answers are read with
``from_result``.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, Open, WireModel
from acp_agent.protocol.wire.mcp import EnvVariable
from acp_agent.protocol.wire.tool_calls import ToolCallUpdate

PermissionOptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]


class PermissionOption(WireModel):
    """An answer that the user may choose."""

    option_id: str
    name: str
    kind: Open[PermissionOptionKind]


class RequestPermissionRequest(WireModel):
    """``session/request_permission``: asks the user about a tool call."""

    session_id: str
    tool_call: ToolCallUpdate
    options: list[PermissionOption]


class SelectedPermissionOutcome(WireModel):
    """The user chose an option."""

    outcome: Literal["selected"] = "selected"
    option_id: str


class CancelledPermissionOutcome(WireModel):
    """The turn was cancelled before the user chose."""

    outcome: Literal["cancelled"] = "cancelled"


class UnknownPermissionOutcome(WireModel):
    """An outcome that this version does not know; not a permission."""

    model_config = ConfigDict(extra="allow")

    outcome: str


RequestPermissionOutcome = Annotated[
    SelectedPermissionOutcome | CancelledPermissionOutcome | UnknownPermissionOutcome,
    OneOf("outcome"),
]


class RequestPermissionResponse(WireModel):
    """What became of the question."""

    outcome: RequestPermissionOutcome


class ReadTextFileRequest(WireModel):
    """``fs/read_text_file``; ``line`` counts from 1, ``limit`` is in lines."""

    session_id: str
    path: str
    line: Lenient[int | None] = None
    limit: Lenient[int | None] = None


class ReadTextFileResponse(WireModel):
    """The text, with the editor's unsaved changes."""

    content: str


class WriteTextFileRequest(WireModel):
    """``fs/write_text_file``; creates the file where there is none."""

    session_id: str
    path: str
    content: str


class WriteTextFileResponse(WireModel):
    """The file is written."""


class CreateTerminalRequest(WireModel):
    """``terminal/create``: runs a command; ``output_byte_limit`` keeps the end of its output."""

    session_id: str
    command: str
    args: Lenient[Items[str] | None] = None
    env: Lenient[Items[EnvVariable] | None] = None
    cwd: Lenient[str | None] = None
    output_byte_limit: Lenient[int | None] = None


class CreateTerminalResponse(WireModel):
    """The command runs."""

    terminal_id: str


class _TerminalRequest(WireModel):
    session_id: str
    terminal_id: str


class TerminalExitStatus(WireModel):
    """How a command ended: exit code, or the signal's name."""

    exit_code: Lenient[int | None] = None
    signal: Lenient[str | None] = None


class TerminalOutputRequest(_TerminalRequest):
    """``terminal/output``: asks for the output so far."""


class TerminalOutputResponse(WireModel):
    """The output so far; no ``exit_status`` means that the command still runs."""

    output: str
    truncated: bool
    exit_status: Lenient[TerminalExitStatus | None] = None


class WaitForTerminalExitRequest(_TerminalRequest):
    """``terminal/wait_for_exit``: asks to be told when the command ends."""


class WaitForTerminalExitResponse(TerminalExitStatus):
    """The command has ended."""


class KillTerminalRequest(_TerminalRequest):
    """``terminal/kill``: ends the command; the terminal stays."""


class KillTerminalResponse(WireModel):
    """The command is told to end."""


class ReleaseTerminalRequest(_TerminalRequest):
    """``terminal/release``: ends the command and frees the terminal."""


class ReleaseTerminalResponse(WireModel):
    """The terminal is gone."""
