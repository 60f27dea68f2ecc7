"""A session whose slash commands are answered, for their tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acp_agent.backends.base import TextDelta
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from acp_agent.sessions.session import Session
from acp_agent.tools.mcp.prompts import Prompt, PromptArgument
from acp_agent.turn.commands.answer import answer_command
from acp_agent.turn.commands.services import CommandServices, Decisions, InstallTerms
from acp_agent.turn.commands.table import find_command
from acp_agent.turn.modes import Composed, Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import fake
from tests.turn.output import FakeOutput


class FakeServers:
    """MCP servers with one prompt."""

    prompts: Sequence[Prompt] = (
        Prompt("notes:review", "Review a file", (PromptArgument("file", required=True),)),
    )

    async def get_prompt(self, name: str, arguments: Mapping[str, str]) -> str:
        return f"{name} {dict(arguments)}"


@dataclass
class Asking:
    """Commands are answered by ``services``; ``unloaded`` are the models it was told of."""

    backends: Sequence[FakeBackend] = field(default_factory=lambda: [fake()])
    answers: Sequence[bool] = ()
    configured: str | None = None
    exports: Path = Path("/nowhere")
    terms: InstallTerms | None = None
    engine: bool | BackendError = True
    servers: FakeServers | None = None
    composed: Sequence[Composed] = ()
    decisions: Decisions | None = None

    def __post_init__(self) -> None:
        self.output = FakeOutput(*self.answers)
        self.unloaded: list[str | None] = []
        backends = {each.id: each for each in self.backends}
        modes = Modes(backends, ["fake", "two"], self.configured, self.composed)
        self.session = Session("s-1", "/home/ann/shop", self.backends[0].id)
        self.services = CommandServices(
            modes=modes,
            preference=("fake", "two"),
            configured_mode=self.configured,
            status=self._status,
            unload=self._unload,
            install_terms=lambda model: self.terms,
            exports=self.exports,
            decisions=self.decisions,
        )

    async def _status(self, session: Session) -> str:
        return f"Session {session.id} is well."

    async def _unload(self, model: str | None) -> bool:
        self.unloaded.append(model)
        if isinstance(self.engine, BackendError):
            raise self.engine
        return self.engine

    async def type(self, text: str) -> UserMessage | None:
        """What is left for the model of the command ``text``."""
        found = find_command(text, self.servers.prompts if self.servers else ())
        assert found is not None
        rest = (self.session, self.services, self.output, self.servers)
        return await answer_command(found.name, found.argument, *rest)

    async def read(self, text: str) -> str:
        """The answer to the command ``text``."""
        assert await self.type(text) is None
        last = self.output.events[-1]
        assert isinstance(last, TextDelta)
        return last.text
