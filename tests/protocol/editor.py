"""A client that answers the agent: files, terminals, permission, forms.

Owns what such an editor keeps (buffers, terminals) and a way to have it refuse, answer
nonsense or not at all. All that the agent sends is checked as in ``tests/protocol/client``.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from acp_agent.protocol.handlers import Handlers
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.peer import Peer
from tests.protocol.client import Client
from tests.rpc.connection import Message, joined

Json = Any
NEVER: Final = object()
"""In place of an answer: there is none."""


@dataclass(slots=True, frozen=True)
class Refusal:
    """An error in place of a result."""

    code: int = -32603
    message: str = "not here"


@dataclass(slots=True)
class FakeTerminal:
    """A terminal; ``status`` is None while its command runs."""

    params: Message
    output: str = ""
    status: Message | None = None
    is_truncated: bool = False
    is_released: bool = False
    waiting: list[int] = field(default_factory=list[int])


class EditorClient(Client):
    """Answers each request of the agent's as it comes.

    ``answers`` come first: by method, a result, a ``Refusal``, ``NEVER``, or a function of
    the params that gives one. ``files`` are buffers by path; what is not there is refused.
    ``commands`` gives a command's output and exit status, None for one that runs on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Json] = {}
        self.files: dict[str, str] = {}
        self.terminals: dict[str, FakeTerminal] = {}
        self.commands: Callable[[Message], tuple[str, Message | None]] = _says_nothing
        self.withdrawn: list[str] = []
        self._open: dict[int, str] = {}

    @property
    def methods(self) -> list[str]:
        """The methods of the agent's requests, in order."""
        return [m["method"] for m in self.seen if "method" in m and "id" in m]

    @property
    def live_terminals(self) -> list[str]:
        """The terminals that were not released."""
        return [id for id, each in self.terminals.items() if not each.is_released]

    def params(self, method: str) -> list[Message]:
        """The params of the agent's requests of ``method``, in order."""
        return [m["params"] for m in self.seen if m.get("method") == method]

    def open(self, method: str) -> int:
        """The id of the agent's request of ``method`` that has no answer."""
        return next(id for id, each in self._open.items() if each == method)

    def check(self, message: Message) -> None:
        """Answers ``message`` where it is a request."""
        super().check(message)
        if message.get("method") == "$/cancel_request":
            self.withdrawn.append(self._open.get(message["params"]["requestId"], "answered"))
        elif "method" in message and "id" in message:
            self._open[message["id"]] = message["method"]
            self.reply(message["id"], self._answer(message))

    def reply(self, identifier: int, answer: Json) -> None:
        """Answers the agent's request ``identifier``, which ends it."""
        if answer is NEVER:
            return
        del self._open[identifier]
        outcome: Message = {"result": answer}
        if isinstance(answer, Refusal):
            outcome = {"error": {"code": answer.code, "message": answer.message}}
        self.post({"jsonrpc": "2.0", "id": identifier, **outcome})

    def end(self, terminal: FakeTerminal, status: Message) -> None:
        """The terminal's command has ended."""
        terminal.status = status
        for identifier in terminal.waiting:
            self.reply(identifier, status)
        terminal.waiting.clear()

    def _answer(self, message: Message) -> Json:
        method, params = message["method"], message["params"]
        if method in self.answers:
            answer = self.answers[method]
            answer = answer(params) if callable(answer) else answer
            if not (method == "terminal/release" and answer is NEVER):
                return answer
            self._terminal(params).is_released = True
            return answer
        if method == "fs/read_text_file":
            content = self.files.get(params["path"])
            return Refusal() if content is None else {"content": content}
        if method == "fs/write_text_file":
            self.files[params["path"]] = params["content"]
            return None
        if method == "terminal/create":
            return self.create(params)
        if method.startswith("terminal/"):
            return self._answer_about(self._terminal(params), method, message["id"])
        return Refusal(-32601, "Method not found")

    def create(self, params: Message) -> Message:
        """A new terminal, as the answer to ``terminal/create``."""
        id = f"t{len(self.terminals) + 1}"
        output, status = self.commands(params)
        self.terminals[id] = FakeTerminal(params, output, status)
        return {"terminalId": id}

    def _terminal(self, params: Message) -> FakeTerminal:
        terminal = self.terminals[params["terminalId"]]
        assert not terminal.is_released, "the terminal was released before"
        return terminal

    def _answer_about(self, terminal: FakeTerminal, method: str, identifier: int) -> Json:
        if method == "terminal/wait_for_exit":
            if terminal.status is None:
                terminal.waiting.append(identifier)
                return NEVER
            return terminal.status
        if method == "terminal/output":
            exited = {"exitStatus": terminal.status} if terminal.status else {}
            return {"output": terminal.output, "truncated": terminal.is_truncated, **exited}
        terminal.is_released = method == "terminal/release"
        if terminal.status is None:
            self.end(terminal, {"exitCode": None, "signal": "SIGKILL"})
        return {}


def _says_nothing(params: Message) -> tuple[str, Message | None]:
    return "", {"exitCode": 0, "signal": None}


@asynccontextmanager
async def editor_of(handlers: Handlers) -> AsyncGenerator[EditorClient]:
    """An editor that is connected to ``handlers``, not initialized."""
    editor = EditorClient()
    outbox = Outbox(editor.write)
    async with joined(editor, outbox, handlers.connect(outbox)):
        yield editor
    await handlers.aclose()


@asynccontextmanager
async def editor_with_peer() -> AsyncGenerator[tuple[EditorClient, Peer]]:
    """An editor, and the agent's end of its connection, which serves no method."""
    editor = EditorClient()
    outbox = Outbox(editor.write)
    peer = Peer(outbox, {}, {})
    async with joined(editor, outbox, peer):
        yield editor, peer
