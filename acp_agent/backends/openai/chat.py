"""The course of one chat request.

Owns attempts and the pauses between them, the time limits, fields that a server does not take,
and reading an answer to its end. Does not own HTTP (``client``), the spelling (``spelling``)
nor what chunks mean (``stream``).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from acp_agent.backends.base import Event, ModelRequest, Notice, Progress
from acp_agent.backends.http.abandoned import Abandoned
from acp_agent.backends.openai.faults import (
    BrokenOff,
    ConnectionFaults,
    Failed,
    is_overflow,
    refused_field,
    refuses_tools,
)
from acp_agent.backends.openai.spelling import THOUGHT, chat_body, leave_out, optional_fields
from acp_agent.backends.openai.steps import Steps
from acp_agent.backends.openai.thoughts import Thoughts
from acp_agent.errors import BackendError, BackendUnavailable

if TYPE_CHECKING:
    from acp_agent.backends.openai.client import ChatClient
    from acp_agent.backends.openai.events import EventStream, ServerEvent
    from acp_agent.backends.openai.stream import Answer
    from acp_agent.config.openai_settings import OpenAISettings

PAUSES = (0.5, 1.0)
"""Seconds between the attempts, which are one more."""
_SHORT = (
    "The server ended the answer at a limit of its own. Unless that is its context window, "
    "max_tokens in the [openai] section sets another."
)
_TAIL_LIMIT = 5.0
_DRAIN_LIMIT = 0.25

Sleep = Callable[[float], Awaitable[object]]


class ToolsRefused(Exception):
    """The server takes no tools for the model."""


@dataclass(slots=True)
class Server:
    """What this process has learnt of one endpoint.

    ``refused`` are fields that it does not take.
    """

    client: "ChatClient"
    refused: set[str] = field(default_factory=set[str])
    thoughts: Thoughts = field(default_factory=Thoughts)
    abandoned: Abandoned = field(default_factory=Abandoned)


class Chat:
    """One request to the model that its server calls ``model``.

    ``tells_progress``: the server takes ``return_progress``. ``has_answered``: it has
    answered something.
    """

    def __init__(
        self,
        server: Server,
        request: ModelRequest,
        model: str,
        settings: "OpenAISettings",
        *,
        context_size: int | None,
        tells_progress: bool,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self.has_answered = False
        self._server = server
        self._request = request
        self._model = model
        self._settings = settings
        self._context_size = context_size
        self._sleep = sleep
        self._steps = Steps(model)
        takes_thoughts = THOUGHT not in server.refused
        self._tail_ends: float | None = None
        self._left_out: set[str] = set()
        self._body = chat_body(
            request,
            model,
            settings,
            tells_progress=tells_progress,
            thoughts=server.thoughts.needed(request.messages) if takes_thoughts else {},
        )
        for name in server.refused:
            leave_out(self._body, name)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the answer; three attempts where the server cannot be reached or has a
        failure of its own, as long as nothing of an answer has come.

        Raises:
            ToolsRefused: the server takes no tools for the model.
            BackendError: as ``Backend.stream``.
        """
        left = list(PAUSES)
        if busy := self._server.abandoned.take_wait():
            yield self._steps.begin(busy)
        while True:
            answer = self._new_answer()
            try:
                async with aclosing(self._attempt(answer)) as events:
                    async for event in events:
                        yield event
                return
            except Failed as failure:
                self.has_answered = True
                if not answer.has_begun and self._takes_less(failure):
                    continue
                if answer.has_begun or failure.status < 500 or not left or _is_final(failure):
                    # It was not for these fields, which the error merely quotes perhaps.
                    self._server.refused -= self._left_out
                    raise self._faults.failed(self._model, failure) from None
                why = f"The server answered with an error (HTTP {failure.status})"
            except (BackendUnavailable, BrokenOff):
                if answer.has_begun or not left:
                    raise
                why = "The server does not answer"
            for step in self._steps.end_all():
                yield step
            retry = Progress("retry", f"{why}; trying again")
            yield retry
            await self._sleep(left.pop(0))
            yield replace(retry, finished=True)

    @property
    def _faults(self) -> ConnectionFaults:
        return self._server.client.faults

    def _new_answer(self) -> "Answer":
        from acp_agent.backends.openai.stream import Answer

        return Answer(self._request, self._faults, self._context_size, self._steps)

    async def _attempt(self, answer: "Answer") -> AsyncGenerator[Event, None]:
        try:
            with self._server.abandoned.watching(lambda: answer.has_begun):
                async with aclosing(self._read(answer)) as events:
                    async for event in events:
                        yield event
        except TimeoutError:
            limit = self._settings.load_timeout
            raise self._faults.no_first_token(self._model, limit) from None

    async def _read(self, answer: "Answer") -> AsyncGenerator[Event, None]:
        settings = self._settings
        stream = await self._server.client.open(
            self._body, first_limit=settings.load_timeout, stall_limit=settings.stall_timeout
        )
        self.has_answered = True
        try:
            while not answer.is_done and (event := await self._next(stream, answer)):
                for step in self._steps.end("busy"):
                    yield step
                has_moved = False
                for found in answer.read(event):
                    has_moved |= isinstance(found, Progress)
                    yield found
                if answer.has_begun:
                    stream.lines.deadline = None
                elif has_moved:
                    stream.lines.deadline = anyio.current_time() + settings.load_timeout
            if not answer.is_ended and not answer.is_done:
                raise self._faults.broken_off()
            await _drain(stream)
            if notice := self._limit_notice(answer):
                yield notice
            self._server.thoughts.note(answer.thought, answer.call_ids)
            for found in answer.finish():
                yield found
        finally:
            await stream.aclose()

    async def _next(self, stream: "EventStream", answer: "Answer") -> "ServerEvent | None":
        """The next event. What may follow the end of an answer is not waited for long, and
        cannot spoil it."""
        if not answer.is_ended:
            return await stream.next_event()
        if self._tail_ends is None:
            self._tail_ends = anyio.current_time() + _TAIL_LIMIT
        stream.lines.deadline = self._tail_ends
        try:
            return await stream.next_event()
        except (TimeoutError, BackendError):
            return None

    def _limit_notice(self, answer: "Answer") -> Notice | None:
        """Says why the answer is short where nobody here has limited it."""
        is_own = not {"max_tokens", "max_completion_tokens"} & self._body.keys()
        if answer.stop_reason != "max_tokens" or not is_own or answer.fills_window:
            return None
        return Notice(_SHORT)

    def _takes_less(self, failure: Failed) -> bool:
        """Whether the server refused a field that it can do without; it is left out then, in
        this request and later ones.

        Raises:
            ToolsRefused: the field is ``tools``.
        """
        name = refused_field(failure, optional_fields(self._body))
        if name is not None:
            self._server.refused.add(name)
            self._left_out.add(name)
            leave_out(self._body, name)
            return True
        if "tools" in self._body and refuses_tools(failure):
            raise ToolsRefused from None
        return False


def _is_final(failure: Failed) -> bool:
    """Whether trying again cannot help, whatever the status."""
    return failure.status == 501 or is_overflow(failure)


async def _drain(stream: "EventStream") -> None:
    """Reads to the end of the stream, so that the connection can be used again."""
    with anyio.move_on_after(_DRAIN_LIMIT):
        try:
            while await stream.next_event() is not None:
                pass
        except (TimeoutError, BackendError):
            return
