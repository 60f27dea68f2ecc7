"""What the tests of the openai backend share: backends, requests, and the contract's harness.

Owns neither the fixture server (``tests/fixtures/openai_server``) nor real ones
(``openai_servers``).
"""

import re
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.backends.base import Event, ModelRequest, StopReason
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.config.openai_settings import EndpointSettings, OpenAISettings
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from tests.backends.harness import (
    Fail,
    Flood,
    Prepared,
    Say,
    Script,
    Think,
    collect,
    expected_text,
    piece,
    text_of,
)
from tests.fixtures.openai_server import (
    Chunk,
    Hold,
    OpenAIServer,
    Reply,
    Step,
    text,
    thought,
    usage_of,
)

PATIENCE = 20.0
"""Seconds after which a test is taken to hang."""
MODEL = "default/tiny"


def make_backend(
    server: OpenAIServer,
    endpoint: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    **settings: Any,
) -> OpenAIBackend:
    """The backend with ``server`` as endpoint ``default``; it waits for nothing between
    attempts unless told."""
    sleep = settings.pop("sleep", _no_pause)
    table = EndpointSettings(base_url=server.url, **(endpoint or {}))
    options = OpenAISettings(discover=False, **settings)
    return OpenAIBackend(options, {"default": table}, environ or {}, sleep=sleep)


async def _no_pause(seconds: float) -> None:
    assert seconds > 0
    await anyio.lowlevel.checkpoint()


def ask(prompt: str = "hi", **options: Any) -> ModelRequest:
    return ModelRequest((UserMessage(prompt),), MODEL, **options)


async def run(
    backend: OpenAIBackend, request: ModelRequest | None = None, events: list[Event] | None = None
) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        return await collect(backend.stream(request or ask()), events)


async def fails(backend: OpenAIBackend, events: list[Event] | None = None) -> BackendError:
    """The error of a stream, which must be a sentence or more in one line."""
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError) as raised:
        await collect(backend.stream(ask()), events)
    message = raised.value.message
    assert re.fullmatch(r"[A-Z`].+\.", message), message
    assert len(message) < 650
    return raised.value


async def goes_on(backend: OpenAIBackend) -> None:
    assert text_of(await run(backend)) == "hello"


class ReplySource:
    """The contract's view of a played reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def has_started(self) -> bool:
        return self._reply.started.is_set()

    async def wait_started(self) -> None:
        await self._reply.started.wait()

    async def wait_stopped(self) -> None:
        await self.wait_started()
        assert self._reply.exchange is not None
        await self._reply.exchange.ended.wait()

    async def settled(self) -> int:
        assert self._reply.exchange is not None
        return await self._reply.exchange.settled()


class OpenAIHarness:
    """Plays the contract's scripts on the fixture server."""

    thinks = True
    read_ahead = 4 * 1024 * 1024
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens", "refusal"})

    def __init__(self, backend: OpenAIBackend, server: OpenAIServer) -> None:
        self.backend = backend
        self._server = server

    def prepare(self, script: Script) -> Prepared:
        prompt = f"prompt {len(self._server.replies)}"
        reasons = {"max_tokens": "length", "refusal": "content_filter"}
        reply = Reply(
            [step for each in script.steps for step in _steps(each)],
            reason=reasons.get(script.stop_reason, "stop"),
            usage=usage_of(*script.usage) if script.usage else None,
            split=1 if script.split else 0,
        )
        self._server.replies[prompt] = reply
        return Prepared(ask(prompt), ReplySource(reply), expected_text(script))


def _steps(step: object) -> list[Step]:
    match step:
        case Say(content):
            return [text(content)]
        case Think(content):
            return [thought(content)]
        case Fail(message):
            return [Chunk({"error": {"message": message, "code": 500}})]
        case Flood(count, size):
            return [text(piece(index, size)) for index in range(count)]
        case _:
            return [Hold()]
