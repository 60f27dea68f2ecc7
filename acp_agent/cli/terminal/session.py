"""One ACP session with an agent: handshake, modes, options, prompts, cancel.

Owns the client's view of the session's state (current mode, options, commands). Does not
own how anything looks: updates go to a listener, permission questions to ``ask``.
Spec: https://agentclientprotocol.com/protocol/v1/overview
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio

from acp_agent import __version__
from acp_agent.cli.terminal.connection import Connection
from acp_agent.cli.terminal.json_values import Json, as_object, as_objects
from acp_agent.errors import AgentError, ClientError, MethodNotFound

Listener = Callable[[Json], None]
"""Gets every session update as on the wire."""
Ask = Callable[[Json], str | None]
"""Gets a permission request's params; returns an option's id, or None for a withdrawn turn."""

PROTOCOL_VERSION = 1
ANSWER_LIMIT = 60.0
"""Seconds for every answer but a prompt's."""


@dataclass(slots=True, frozen=True)
class Choice:
    """A session mode, or a value of a config option."""

    id: str
    name: str
    description: str = ""


class AgentSession:
    """A session in ``folder`` (absolute) with the agent that ``command`` starts.

    An async context manager: entering spawns the agent, initializes it and opens the
    session; leaving closes all. ``startup`` is the time from before the spawn to the answer
    of ``initialize`` in seconds.

    Raises:
        AgentError: on entering, when the agent refuses.
        ClientError: on entering, when it is not there or speaks another protocol version.
    """

    def __init__(
        self, command: Sequence[str], folder: str, *, listener: Listener, ask: Ask
    ) -> None:
        self._connection = Connection(
            command, on_notification=self._observe, on_request=self._answer
        )
        self._folder, self._listener, self._ask = folder, listener, ask
        self._resources = AsyncExitStack()
        self._cancelled = False
        self._closable = self._abandoned = False
        self._config: list[Json] = []
        self.id = ""
        self.agent = ""
        self.startup = 0.0
        self.modes: tuple[Choice, ...] = ()
        self.mode = ""
        self.commands: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        began = time.perf_counter()
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._connection)
            await self._initialize()
            self.startup = time.perf_counter() - began
            await self._open()
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._resources.__aexit__(kind, error, traceback)

    @property
    def alive(self) -> bool:
        """Whether the agent can still be talked to."""
        return self._connection.alive

    @property
    def models(self) -> tuple[Choice, ...]:
        """What the ``model`` option offers now; empty where there is none."""
        return _values(self._option("model").get("options"))

    @property
    def model(self) -> str:
        """The current value of the ``model`` option, empty where there is none."""
        return str(self._option("model").get("currentValue") or "")

    async def set_mode(self, name: str) -> None:
        """Chooses a mode by its id or label.

        Raises:
            AgentError: there is no such mode, or the agent refuses it.
        """
        wanted = name.casefold()
        found = [mode for mode in self.modes if wanted in (mode.id, mode.name.casefold())]
        if not found:
            known = ", ".join(mode.id for mode in self.modes) or "none"
            raise AgentError(f"The agent has no mode {name!r}; choose one of: {known}.")
        await self._call("session/set_mode", modeId=found[0].id)
        self.mode = found[0].id

    async def set_model(self, model: str) -> None:
        """Chooses a model of the current mode; the agent judges whether it can be had.

        Raises:
            AgentError: there is no choice of model, or the agent refuses it.
        """
        option = self._option("model")
        if not option:
            raise AgentError(f"There is no choice of model in mode {self.mode!r}.")
        answer = await self._call("session/set_config_option", configId=option["id"], value=model)
        self._config = as_objects(answer.get("configOptions"))

    async def prompt(self, text: str) -> str:
        """Runs one turn to its end and returns the stop reason (``end_turn``, ...).

        Raises:
            AgentError: the turn failed; the session can be used on while ``alive``.
        """
        self._cancelled = False
        # What cannot be UTF-8 (undecodable bytes from the shell) cannot be sent.
        content = [{"type": "text", "text": text.encode(errors="replace").decode()}]
        params = {"sessionId": self.id, "prompt": content}
        try:
            answer = await self._connection.request("session/prompt", params)
        except anyio.get_cancelled_exc_class():
            self._abandoned = True
            raise
        return str(answer.get("stopReason") or "")

    async def cancel(self) -> None:
        """Cancels the running turn; ``prompt`` then returns ``cancelled``.

        Raises:
            ClientError: the agent is gone.
        """
        self._cancelled = True
        await self._connection.notify("session/cancel", {"sessionId": self.id})

    async def close(self) -> int:
        """Closes the session and the agent, and returns the agent's exit status.

        After a turn that was given up unanswered the agent is not asked, only told to leave.
        """
        if self._closable and self.alive and not self._abandoned:
            with contextlib.suppress(AgentError):
                await self._call("session/close")
        return await self._connection.close()

    async def _initialize(self) -> None:
        params: Json = {
            "protocolVersion": PROTOCOL_VERSION,
            "clientCapabilities": {
                "fs": {"readTextFile": False, "writeTextFile": False},
                "terminal": False,
            },
            "clientInfo": {"name": "acp-agent-terminal", "version": __version__},
        }
        answer = await self._connection.request("initialize", params, limit=ANSWER_LIMIT)
        version = answer.get("protocolVersion")
        if version != PROTOCOL_VERSION:
            raise ClientError(f"The agent speaks ACP version {version}; this client speaks 1.")
        info = as_object(answer.get("agentInfo"))
        self.agent = f"{info.get('name') or 'agent'} {info.get('version') or ''}".strip()
        capabilities = as_object(
            as_object(answer.get("agentCapabilities")).get("sessionCapabilities")
        )
        self._closable = capabilities.get("close") is not None

    async def _open(self) -> None:
        params: Json = {"cwd": self._folder, "mcpServers": []}
        answer = await self._connection.request("session/new", params, limit=ANSWER_LIMIT)
        self.id = str(answer.get("sessionId") or "")
        modes = as_object(answer.get("modes"))
        self.modes = _choices(as_objects(modes.get("availableModes")), "id")
        self.mode = str(modes.get("currentModeId") or "")
        self._config = as_objects(answer.get("configOptions"))

    async def _call(self, method: str, **params: str) -> Json:
        return await self._connection.request(
            method, {"sessionId": self.id, **params}, limit=ANSWER_LIMIT
        )

    def _option(self, category: str) -> Json:
        for option in self._config:
            if option.get("category") == category:
                return option
        return {}

    def _observe(self, method: str, params: Json) -> None:
        if method != "session/update":
            return
        update = as_object(params.get("update"))
        match update.get("sessionUpdate"):
            case "current_mode_update":
                self.mode = str(update.get("currentModeId") or self.mode)
            case "config_option_update":
                self._config = as_objects(update.get("configOptions"))
            case "available_commands_update":
                commands = as_objects(update.get("availableCommands"))
                self.commands = frozenset(str(command.get("name")) for command in commands)
            case _:
                pass
        self._listener(update)

    async def _answer(self, method: str, params: Json) -> Json:
        if method != "session/request_permission":
            raise MethodNotFound(f"This client has no method {method}.")
        chosen = None if self._cancelled else self._ask(params)
        if chosen is not None:
            return {"outcome": {"outcome": "selected", "optionId": chosen}}
        if not self._cancelled:
            await self.cancel()
        return {"outcome": {"outcome": "cancelled"}}


def _values(options: object) -> tuple[Choice, ...]:
    flat: list[Json] = []
    for entry in as_objects(options):
        flat.extend(as_objects(entry.get("options")) if "group" in entry else [entry])
    return _choices(flat, "value")


def _choices(entries: list[Json], key: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            id=str(entry.get(key)),
            name=str(entry.get("name") or entry.get(key)),
            description=str(entry.get("description") or ""),
        )
        for entry in entries
    )
