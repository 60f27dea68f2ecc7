"""An ACP client of the handlers in this process.

Owns requests, their answers and updates, on top of ``tests/rpc/connection``. Every message
is checked against the SDK (``tests/protocol/sdk``).
"""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acp_agent.backends.base import Backend, Watched
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import Line
from acp_agent.sessions.session import Session
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.tools.actions import PermissionMode
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.tools.mcp.servers import McpServers, ServerConfig
from acp_agent.tools.workspace import Commands, Workspace
from acp_agent.turn.commands.services import CommandServices, Decisions
from acp_agent.turn.modes import Composed, Modes
from tests.fixtures.workspace import make_workspace
from tests.protocol.sdk import check_message, is_notice
from tests.rpc.connection import Connection, Message, joined, request

Json = Any


class RpcError(Exception):
    """The agent answered with an error."""

    def __init__(self, error: Message) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Json = error.get("data")


class Client(Connection):
    """The client's end. Every message that arrives is checked against the SDK."""

    def __init__(self) -> None:
        super().__init__()
        self._methods: dict[Json, str] = {}
        self._next_id = 100

    def check(self, message: Message) -> None:
        """Fails unless an agent may send ``message``."""
        check_message(message, self._methods.get(message.get("id")))

    def post(self, *messages: Message | Line) -> None:
        """Sends ``messages`` in one write; lines go as they are."""
        for message in messages:
            if isinstance(message, dict) and "method" in message and "id" in message:
                self._methods[message["id"]] = message["method"]
        super().post(*messages)

    def request(self, method: str, params: Json = None) -> Message:
        """A request with a new id, not sent yet."""
        self._next_id += 1
        return request(self._next_id, method, params)

    def start(self, method: str, params: Json = None) -> int:
        """Sends a request and returns its id."""
        message = self.request(method, params)
        self.post(message)
        return message["id"]

    async def result(self, identifier: int) -> Json:
        """The result of the request ``identifier``.

        Raises:
            RpcError: it was answered with an error.
        """
        answer = await self.answer(identifier)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    async def call(self, method: str, params: Json = None) -> Json:
        """Sends a request and returns its result.

        Raises:
            RpcError: it was answered with an error.
        """
        return await self.result(self.start(method, params))

    async def initialize(self) -> Json:
        """Opens the connection."""
        return await self.call("initialize", {"protocolVersion": 1})

    async def new_session(self) -> str:
        """The id of a new session, after ``initialize``; its command menu has come."""
        session = (await self.call("session/new", NEW_SESSION))["sessionId"]
        await self.until(
            lambda m: (
                m.get("method") == "session/update"
                and m["params"]["sessionId"] == session
                and m["params"]["update"]["sessionUpdate"] == "available_commands_update"
            )
        )
        return session

    def start_prompt(self, session: str, text: str = "hello") -> int:
        """Sends a prompt and returns the request's id."""
        return self.start("session/prompt", prompt_params(session, text))

    async def prompt(self, session: str, text: str = "hello") -> str:
        """The stop reason of a prompt."""
        return (await self.result(self.start_prompt(session, text)))["stopReason"]

    def updates(self, *kinds: str) -> list[Message]:
        """The session updates seen so far; if no kind is given all but the command menu."""
        found = [m["params"]["update"] for m in self.seen if m.get("method") == "session/update"]
        if not kinds:
            return [each for each in found if each["sessionUpdate"] != "available_commands_update"]
        return [update for update in found if update["sessionUpdate"] in kinds]

    async def update(self, kind: str, has: str = "") -> Message:
        """The first update of ``kind`` whose JSON text contains ``has``."""
        found = await self.until(
            lambda m: (
                m.get("method") == "session/update"
                and m["params"]["update"]["sessionUpdate"] == kind
                and has in json.dumps(m["params"]["update"])
            )
        )
        return found["params"]["update"]

    def text(self, kind: str = "agent_message_chunk") -> str:
        """The text of all chunks seen so far, without the agent's own notices."""
        chunks = self.updates(kind)
        return "".join(chunk["content"]["text"] for chunk in chunks if not is_notice(chunk))

    def notices(self) -> str:
        """The text of the agent's own notices."""
        chunks = self.updates("agent_message_chunk")
        return "".join(chunk["content"]["text"] for chunk in chunks if is_notice(chunk))


NEW_SESSION: Message = {"cwd": "/", "mcpServers": []}


def prompt_params(session: str, text: str) -> Message:
    """The params of ``session/prompt`` with one block of text."""
    return {"sessionId": session, "prompt": [{"type": "text", "text": text}]}


@asynccontextmanager
async def connected(handlers: Handlers, *, merge: bool = True) -> AsyncGenerator[Client]:
    """A client that is connected to ``handlers``; at the end the agent has ended."""
    client = Client()
    outbox = Outbox(client.write, merge=merge)
    peer = handlers.connect(outbox)
    async with joined(client, outbox, peer):
        yield client
    await handlers.aclose()


def loaded_with(
    backends: Mapping[str, Backend],
    *,
    default: str | None = None,
    greeting: str | None = None,
    tools: Sequence[RunnableTool] = (),
    record: Callable[[TurnRecord], None] = lambda record: None,
    forgotten: list[str] | None = None,
    commands: Commands | None = None,
    exports: Path = Path("/nonexistent"),
    permissions: PermissionMode = "ask",
    composed: Sequence[Composed] = (),
    decisions: Decisions | None = None,
    mode_chosen: Callable[[Session, str, str], None] = lambda session, before, mode: None,
) -> Loaded:
    """What sessions need, with ``backends`` as modes in this order of preference."""

    async def status(session: Session) -> str:
        return f"Mode {session.mode} is well."

    async def unload(model: str | None) -> bool:
        return False

    async def forget(session_id: str) -> None:
        if forgotten is not None:
            forgotten.append(session_id)

    def workspace(root: Path, extra: Sequence[Path]) -> Workspace:
        changes = {} if commands is None else {"commands": commands}
        return make_workspace(root, extra=tuple(extra), **changes)

    def servers(configured: Sequence[ServerConfig], workspace: Workspace) -> McpServers:
        return McpServers(configured, workspace.roots, start_timeout=20)

    modes = Modes(backends, tuple(backends), default, composed)
    return Loaded(
        modes=modes,
        greeting=lambda mode: greeting,
        toolbox=Toolbox(tools),
        workspace=workspace,
        servers=servers,
        services=CommandServices(
            modes, tuple(backends), default, status, unload, lambda model: None, exports, decisions
        ),
        record=record,
        forget=forget,
        permissions=permissions,
        mode_chosen=mode_chosen,
        watch={mode: each for mode, each in backends.items() if isinstance(each, Watched)},
    )


def handlers_for(backends: Mapping[str, Backend], **parts: Any) -> Handlers:
    """Handlers over ``loaded_with`` the same."""

    async def load() -> Loaded:
        return loaded_with(backends, **parts)

    return Handlers(load)


@asynccontextmanager
async def serving(*backends: Backend, **parts: Any) -> AsyncGenerator[Client]:
    """An initialized client of an agent with ``backends``, as ``loaded_with`` has them."""
    handlers = handlers_for({backend.id: backend for backend in backends}, **parts)
    async with connected(handlers) as client:
        await client.initialize()
        yield client
