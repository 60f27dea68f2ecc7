"""What the user is shown of a tool call; plain data.

Owns the kinds of content. Does not own how an editor draws them (``protocol/updates``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, frozen=True)
class ShownText:
    """Markdown."""

    text: str


@dataclass(slots=True, frozen=True)
class ShownDiff:
    """A change of the file at the absolute ``path``; ``old`` is None for a new file."""

    path: str
    old: str | None
    new: str


@dataclass(slots=True, frozen=True)
class ShownTerminal:
    """The editor's terminal ``id``, drawn live."""

    id: str


@dataclass(slots=True, frozen=True)
class ShownBlock:
    """A content block of an MCP server; ACP took over MCP's shape of it.

    Source: https://agentclientprotocol.com/protocol/v1/content
    """

    block: Mapping[str, Any]


Shown = ShownText | ShownDiff | ShownTerminal | ShownBlock
