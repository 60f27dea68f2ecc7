"""The MCP server between the official client, in memory, and fake backends.

Owns how they are put together. Does not own pipes or processes (``test_transport``,
``tests/e2e``).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ListRootsResult, Root, TextContent
from pydantic import FileUrl

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.mcp_server.answerers import Answerer
from acp_agent.mcp_server.call import Services
from acp_agent.mcp_server.server import build_server
from acp_agent.routing.decisions import DecisionRecord
from acp_agent.routing.generate import NAME
from acp_agent.routing.weights import load_weights
from tests.fixtures.fake_backend import FakeBackend

PATIENCE = 10.0
"""Seconds after which a test is taken to hang."""

OWN = Model("/models/gpt-oss-20b", "GPT-OSS 20B", context_size=1000, thought_default="medium")
OTHERS = (
    Model("llama3.2:latest", "llama3.2"),
    Model("gpt-oss:120b-cloud", "gpt-oss:120b-cloud", is_remote=True),
    Model("gpt-oss:20b", "gpt-oss:20b"),
)


def ready(*models: Model) -> Readiness:
    """A mode that has ``models``, the first one as its default."""
    return Readiness(True, models=models, default_model=models[0].id)


@dataclass
class FakeLog:
    """Keeps the records."""

    records: list[DecisionRecord] = field(default_factory=list[DecisionRecord])

    def hash_prompt(self, text: str) -> str:
        return f"hash of {len(text)}"

    def write(self, record: DecisionRecord) -> None:
        self.records.append(record)


@dataclass
class Stage:
    """``own`` is the mode with GPT-OSS, ``other`` the one of Ollama; ``services`` are made
    of them for each client, ``load`` stands in for that."""

    own: FakeBackend = field(
        default_factory=lambda: FakeBackend("gptoss_20b", "GPT-OSS 20B", readiness=ready(OWN))
    )
    other: FakeBackend = field(
        default_factory=lambda: FakeBackend("ollama", "Ollama", readiness=ready(*OTHERS))
    )
    log: FakeLog = field(default_factory=FakeLog)
    settings: AutoSettings = field(default_factory=AutoSettings)
    load: Callable[[], Awaitable[Services]] | None = None

    def services(self) -> Services:
        """As the app puts them together."""
        answerers = [Answerer(self.own, own=True), Answerer(self.other, own=False)]
        return Services(answerers, self.settings, load_weights(), self.log, "session-1")

    async def _load(self) -> Services:
        return self.services()

    @asynccontextmanager
    async def client(self, *roots: Path, mode: str = "legacy") -> AsyncGenerator[Client]:
        """The official client, which has ``roots`` open, if any are given."""

        async def list_roots(context: ClientRequestContext) -> ListRootsResult:
            return ListRootsResult(roots=[Root(uri=FileUrl(root.as_uri())) for root in roots])

        server = build_server(self.load or self._load)
        callback = list_roots if roots else None
        async with Client(server, mode=mode, list_roots_callback=callback) as client:
            yield client

    @property
    def record(self) -> DecisionRecord:
        """The one decision of the log."""
        (record,) = self.log.records
        return record


@dataclass
class Heard:
    """The progress that a client was told of."""

    numbers: list[float] = field(default_factory=list[float])
    messages: list[str] = field(default_factory=list[str])

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.numbers.append(progress)
        self.messages.append(message or "")


async def ask(client: Client, prompt: str = "Write it.", **arguments: Any) -> CallToolResult:
    """Calls the tool."""
    return await client.call_tool(NAME, {"user_prompt": prompt, **arguments})


def texts(result: CallToolResult) -> list[str]:
    """The blocks of ``result``."""
    found: list[str] = []
    for block in result.content:
        assert isinstance(block, TextContent)
        found.append(block.text)
    return found


def failure(result: CallToolResult) -> str:
    """The one sentence of a call that failed."""
    assert result.is_error
    assert result.structured_content is None
    (text,) = texts(result)
    return text
