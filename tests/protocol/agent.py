"""An agent with real tools in front of an editor, for tests of the two together.

Owns building it over a folder, and a model that plays a plan of calls. Does not own the
editor (``tests/protocol/editor``).
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from acp_agent.backends.base import Done, Event, Model, ToolCallRequested
from acp_agent.conversation import ToolCall, ToolResult
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.tools.ask_user import AskUser
from acp_agent.tools.base import Toolbox
from acp_agent.tools.commands.local_commands import LocalCommands
from acp_agent.tools.commands.run_command import RunCommand
from acp_agent.tools.files.edit_file import EditFile
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.write_file import WriteFile
from acp_agent.tools.workspace import Workspace
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.workspace import make_workspace
from tests.protocol.backend import fake, requests, saying
from tests.protocol.editor import EditorClient, editor_of
from tests.rpc.connection import Message

Json = Any
Planned = tuple[str, dict[str, Json]]
"""A tool's name and the arguments of one call."""


@dataclass(slots=True)
class Working:
    """A session in the folder ``root``, and the prompt that runs in it."""

    editor: EditorClient
    backend: FakeBackend
    root: Path
    session: str = ""
    prompt: int = 0
    statuses: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def start(self) -> None:
        """Opens the session and sends the prompt."""
        params: Message = {"cwd": str(self.root), "mcpServers": []}
        self.session = (await self.editor.call("session/new", params))["sessionId"]
        self.prompt = self.editor.start_prompt(self.session, "Repair it.")

    async def end(self) -> str:
        """The stop reason of the prompt; all calls are over, in an order that ACP allows."""
        reason = (await self.editor.result(self.prompt))["stopReason"]
        for update in self.editor.updates("tool_call", "tool_call_update"):
            if "status" in update:
                self.statuses.setdefault(update["toolCallId"], []).append(update["status"])
        for statuses in self.statuses.values():
            assert statuses[0] == "pending"
            assert statuses[1:] in (
                ["in_progress", "completed"],
                ["in_progress", "failed"],
                ["failed"],
            )
        assert self.editor.live_terminals == []
        return reason

    async def cancel(self) -> str:
        """The stop reason after ``session/cancel``."""
        self.editor.notify("session/cancel", {"sessionId": self.session})
        return await self.end()

    @property
    def results(self) -> list[ToolResult]:
        """What the model was told of its calls, in order."""
        messages = requests(self.backend)[-1].messages
        return [each for each in messages if isinstance(each, ToolResult)]

    @property
    def contents(self) -> list[str]:
        """The kinds of content that calls have shown, in order."""
        updates = self.editor.updates("tool_call", "tool_call_update")
        return [each["type"] for update in updates for each in update.get("content", [])]


def planned(*calls: Planned) -> FakeBackend:
    """A model that makes ``calls``, one an answer, and says that it is done."""
    scripts: list[list[Event]] = [
        [ToolCallRequested(ToolCall(f"c{number}", name, json.dumps(arguments))), Done()]
        for number, (name, arguments) in enumerate(calls)
    ]
    return fake(*scripts, saying("Done."), models=[Model("m", "M", tools="native")])


@asynccontextmanager
async def working(
    root: Path, calls: Sequence[Planned], capabilities: dict[str, Json]
) -> AsyncGenerator[Working]:
    """An editor with ``capabilities``, connected to an agent whose model makes ``calls``."""
    backend = planned(*calls)
    async with editor_of(_handlers(backend)) as editor:
        params = {"protocolVersion": 1, "clientCapabilities": capabilities}
        await editor.call("initialize", params)
        yield Working(editor, backend, root)


def _handlers(backend: FakeBackend) -> Handlers:
    def workspace(root: Path, extra: Sequence[Path]) -> Workspace:
        return make_workspace(root, extra=tuple(extra), commands=LocalCommands())

    async def forget(session_id: str) -> None:
        return

    def record(record: TurnRecord) -> None:
        return

    async def load() -> Loaded:
        return Loaded(
            modes=Modes({backend.id: backend}, (backend.id,)),
            greeting=lambda mode: None,
            toolbox=Toolbox([ReadFile(), EditFile(), WriteFile(), RunCommand(), AskUser()]),
            workspace=workspace,
            servers=cast("Any", None),
            services=cast("Any", None),
            record=record,
            forget=forget,
        )

    return Handlers(load)
