"""What the tests see of an editor, whichever SDK it is built on.

Owns recording: every message on the wire in order of arrival, every update as the SDK
delivered it, every question the agent asked. Does not own a connection; the clients
``python_client`` and ``typescript_client`` do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import anyio

from tests.protocol.sdk import check_message

Json = dict[str, Any]

LIMIT = 60.0
"""Seconds after which something that was waited for counts as missed."""


class CallFailed(Exception):
    """The agent answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Question:
    """A ``session/request_permission`` of the agent's. The user may never answer it."""

    def __init__(self, params: Json) -> None:
        self.params = params
        self.chosen = anyio.Event()
        self.option_id = ""

    def choose(self, option_id: str) -> None:
        """Answers with one of the options."""
        self.option_id = option_id
        self.chosen.set()


class Editor(ABC):
    """A client of one running agent. Results are JSON as the SDK read them."""

    def __init__(self) -> None:
        self.received: list[Json] = []
        self.sent: list[Json] = []
        self.delivered: list[Json] = []
        self.questions: list[Question] = []
        self.pid = 0
        self._changed = anyio.Event()

    @abstractmethod
    async def initialize(self) -> Json:
        """``initialize`` at version 1."""

    @abstractmethod
    async def authenticate(self, method_id: str) -> Json:
        """``authenticate``."""

    @abstractmethod
    async def new_session(self, cwd: str) -> Json:
        """``session/new`` without MCP servers."""

    @abstractmethod
    async def set_mode(self, session_id: str, mode_id: str) -> Json:
        """``session/set_mode``."""

    @abstractmethod
    async def set_config_option(self, session_id: str, config_id: str, value: str) -> Json:
        """``session/set_config_option``."""

    @abstractmethod
    async def prompt(self, session_id: str, text: str) -> Json:
        """``session/prompt`` with one text block."""

    @abstractmethod
    async def cancel(self, session_id: str) -> None:
        """``session/cancel``."""

    @abstractmethod
    async def close_session(self, session_id: str) -> Json:
        """``session/close``."""

    def on_sent(self, message: Json) -> None:
        """Records a message to the agent."""
        self.sent.append(message)
        self._notify()

    def on_received(self, message: Json) -> None:
        """Records a message of the agent's."""
        self.received.append(message)
        self._notify()

    def on_update(self, params: Json) -> None:
        """Records an update that the SDK delivered."""
        self.delivered.append(params)
        self._notify()

    def on_question(self, params: Json) -> Question:
        """Records a question that the SDK delivered."""
        question = Question(params)
        self.questions.append(question)
        self._notify()
        return question

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns once ``condition`` holds; looks again after every record.

        Raises:
            TimeoutError: it did not come to hold.
        """
        with anyio.fail_after(LIMIT):
            while not condition():
                await self._changed.wait()

    async def next_question(self, count: int = 1) -> Question:
        """The question number ``count`` of this connection."""
        await self.wait_until(lambda: len(self.questions) >= count)
        return self.questions[count - 1]

    def notices(self, method: str) -> list[Json]:
        """The params of the agent's notifications and requests ``method``."""
        return [each["params"] for each in self.received if each.get("method") == method]

    def check(self) -> None:
        """Fails unless all that came was valid and the SDK delivered every update as sent."""
        requests = [each for each in self.sent if "id" in each and "method" in each]
        methods = {request["id"]: request["method"] for request in requests}
        for message in self.received:
            check_message(message, methods.get(message.get("id")))
        assert self.delivered == self.notices("session/update")

    def _notify(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


class Spawn(Protocol):
    """Starts an agent and an editor on it.

    Leaving closes the agent's input, asserts that it exits with status 0 and checks all
    that was recorded.
    """

    def __call__(self, environ: dict[str, str]) -> AbstractAsyncContextManager[Editor]: ...
