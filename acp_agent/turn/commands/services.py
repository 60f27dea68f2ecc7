"""What slash commands need of the rest of the agent.

Owns the interfaces only; ``app`` gives the functions, the session its MCP servers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from acp_agent.sessions.session import Session
from acp_agent.tools.mcp.prompts import Prompt
from acp_agent.turn.modes import Modes

if TYPE_CHECKING:
    from acp_agent.routing.decisions import Feedback, Logged


@dataclass(slots=True, frozen=True)
class InstallTerms:
    """What the user is shown before a known model is fetched: sizes, licence."""

    title: str
    text: str


class Decisions(Protocol):
    """The log of routing decisions; reads and writes its file, and never raises."""

    def last(self, count: int, session: str | None = None) -> "Sequence[Logged]":
        """The last ``count`` decisions (None: of all sessions), oldest first."""
        ...

    def mark(self, feedback: "Feedback") -> bool:
        """Adds what the user thought of a decision; False where it was not written."""
        ...

    @property
    def problem(self) -> str | None:
        """Why the log cannot be used, in a sentence; None where it can."""
        ...


@dataclass(slots=True, frozen=True)
class CommandServices:
    """For the commands of all sessions of this process."""

    modes: Modes
    preference: Sequence[str]
    """Mode ids for a new session, best first."""
    configured_mode: str | None
    """The user's default mode."""
    status: Callable[[Session], Awaitable[str]]
    """The answer to ``/status``, in Markdown."""
    unload: Callable[[str | None], Awaitable[bool]]
    """Takes a model (None: all) out of the engine's memory; False where no engine runs.
    Raises BackendError."""
    install_terms: Callable[[str], InstallTerms | None]
    """The terms of a model by its id; None where the catalogue does not have it."""
    exports: Path
    """The folder for exported conversations; need not exist."""
    decisions: Decisions | None = None
    """The log of routing decisions; None where none is kept."""
    last_panel: Callable[[str], str] = lambda session: ""
    """What came of a session's last panel, by its id; empty where there was none."""


class PromptServers(Protocol):
    """The MCP servers of a session, as far as commands need them."""

    @property
    def prompts(self) -> Sequence[Prompt]:
        """The prompts on offer."""
        ...

    async def get_prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        """The text of the prompt ``name``.

        Raises:
            McpProblem: there is none, or the server failed.
        """
        ...
