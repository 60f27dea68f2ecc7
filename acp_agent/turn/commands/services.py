"""What slash commands need of the rest of the agent.

Owns the interfaces only; ``app`` gives the functions, the session its MCP servers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from acp_agent.sessions.session import Session
from acp_agent.tools.mcp.prompts import Prompt
from acp_agent.turn.modes import Modes


@dataclass(slots=True, frozen=True)
class InstallTerms:
    """What the user is shown before a known model is fetched: sizes, licence."""

    title: str
    text: str


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
