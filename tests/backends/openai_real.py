"""The contract's terms for models that are real: what is asked of them in place of a script.

Owns the harness, the two contract tests that a real model passes in words of its own, and
what is asked of every real server beside the contract. Does not own the servers
(``openai_servers``) nor which models and prompts they get (the test modules).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Done, Event, ModelRequest, StopReason, TextDelta, Usage
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, BackendUnavailable
from tests.backends.contract import PATIENCE, BackendContract
from tests.backends.harness import (
    Fail,
    Flood,
    Hang,
    Prepared,
    Say,
    Script,
    collect,
    next_text,
    text_of,
)
from tests.backends.openai_servers import RealServer

_FEW = 4
"""Pieces of an answer after which it is stopped."""


@dataclass(slots=True, frozen=True)
class Part:
    """What ``model`` of the server is asked, and its ``max_tokens``."""

    model: str
    prompt: str
    max_tokens: int | None = None

    def request(self, max_tokens: int | None = None) -> ModelRequest:
        """The request of a backend whose endpoint is ``real``."""
        messages = (UserMessage(self.prompt),)
        limit = max_tokens or self.max_tokens
        return ModelRequest(messages, f"real/{self.model}", self.prompt, max_tokens=limit)


@dataclass(slots=True, frozen=True)
class Cast:
    """What plays the contract's scripts.

    ``plain`` are different short answers, ``ending`` one that ends by itself, ``cut`` one
    that its limit of tokens ends, ``scripts`` one with characters of several tokens; all of
    them say the same each time. ``endless`` goes on for seconds, the prompt of ``slow`` takes
    a second to read, and ``failing`` is refused.
    """

    plain: tuple[Part, ...]
    ending: Part
    cut: Part
    scripts: Part
    endless: Part
    slow: Part
    failing: Part | None = None


class RealSource:
    """The contract's view of what the server does."""

    def __init__(self, server: RealServer) -> None:
        self._server = server
        self._before = server.requests()

    def has_started(self) -> bool:
        return self._server.requests() > self._before

    async def wait_started(self) -> None:
        await self._server.wait_requested(self._before)

    async def wait_stopped(self) -> None:
        await self._server.wait_idle()

    async def settled(self) -> int:
        raise NotImplementedError


@dataclass
class RealHarness:
    """Asks ``server`` in place of playing scripts; ``told`` is what its models have said."""

    server: RealServer
    backend: OpenAIBackend
    cast: Cast
    told: dict[Part, str]
    thinks = False
    read_ahead = 0
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens"})
    _count: int = field(default=0)

    def prepare(self, script: Script) -> Prepared:
        part = self._choose(script)
        has_text = not any(isinstance(step, Hang | Fail) for step in script.steps)
        text = self.says(part) if has_text else ""
        return Prepared(part.request(), RealSource(self.server), text)

    def says(self, part: Part) -> str:
        """The whole answer to ``part``, by a request that is not streamed."""
        if part not in self.told:
            answer = ask_plainly(self.server, part)
            self.told[part] = answer["choices"][0]["message"]["content"]
        return self.told[part]

    def _choose(self, script: Script) -> Part:
        steps = script.steps
        if not steps:
            pytest.skip("a real model says something")
        if any(isinstance(step, Flood) for step in steps):
            pytest.skip("all that a real model says fits into the buffers of the connection")
        if any(isinstance(step, Fail) for step in steps):
            return self._failing(steps[0])
        if any(isinstance(step, Hang) for step in steps):
            return self.cast.endless if isinstance(steps[0], Say) else self.cast.slow
        if script.split:
            return self.cast.scripts
        if script.stop_reason == "max_tokens":
            return self.cast.cut
        if len(steps) == 1:
            return self.cast.ending
        self._count += 1
        return self.cast.plain[self._count % len(self.cast.plain)]

    def _failing(self, first: object) -> Part:
        if isinstance(first, Say):
            pytest.skip("a test of its own kills the server in the middle")
        if self.cast.failing is None:
            pytest.skip("there is nothing that this server refuses")
        return self.cast.failing


def ask_plainly(server: RealServer, part: Part) -> dict[str, Any]:
    """The server's answer to ``part`` without the backend."""
    messages = [{"role": "user", "content": part.prompt}]
    limit = {} if part.max_tokens is None else {"max_tokens": part.max_tokens}
    return server.post(model=part.model, messages=messages, temperature=0, **limit)


class RealContract(BackendContract):
    """The contract; where a script stops in the middle, a real model has words of its own."""

    async def test_cancel_in_the_middle(self, harness: RealHarness) -> None:  # type: ignore[override]
        events: list[Event] = []
        begun = anyio.Event()

        async def read() -> None:
            async for event in harness.backend.stream(harness.cast.endless.request()):
                events.append(event)
                if isinstance(event, TextDelta):
                    begun.set()

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await begun.wait()
                tasks.cancel_scope.cancel()
            await harness.server.wait_idle()
        assert not any(isinstance(event, Done) for event in events)
        await self._works(harness)

    async def test_closing_between_two_events_stops_the_model(self, harness: RealHarness) -> None:  # type: ignore[override]
        stream = harness.backend.stream(harness.cast.endless.request())
        with anyio.fail_after(PATIENCE):
            assert await next_text(stream)
            await stream.aclose()
            await harness.server.wait_idle()
        await self._works(harness)


class RealServerTests:
    """What the issue asks of every server: text, usage, cancellation, a kill.

    The fixture ``start`` starts a server of the test's own.
    """

    pytestmark = pytest.mark.anyio

    async def test_text_streams_and_usage_is_true(self, harness: RealHarness) -> None:
        part = harness.cast.plain[0]
        told = ask_plainly(harness.server, part)
        readiness = await harness.backend.probe()
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(part.request()))
        pieces = [event for event in events if isinstance(event, TextDelta)]
        assert len(pieces) > 1
        assert text_of(events) == harness.says(part)
        [usage] = [event for event in events if isinstance(event, Usage)]
        counted = told["usage"]
        assert usage.input_tokens == counted["prompt_tokens"]
        assert usage.output_tokens == counted["completion_tokens"]
        sizes = {model.id: model.context_size for model in readiness.models}
        assert usage.context_size == sizes[f"real/{part.model}"]

    async def test_a_cancel_stops_the_server(self, harness: RealHarness) -> None:
        stream = harness.backend.stream(harness.cast.endless.request())
        with anyio.fail_after(PATIENCE):
            for _ in range(_FEW):
                assert await next_text(stream)
            await stream.aclose()
            await harness.server.wait_idle()
            events = await collect(harness.backend.stream(harness.cast.plain[0].request()))
        assert text_of(events) == harness.says(harness.cast.plain[0])

    @pytest.mark.slow
    async def test_a_killed_server_is_told_and_replaced(
        self, cast: Cast, start: Callable[[], AbstractContextManager[RealServer]]
    ) -> None:
        with start() as server:
            backend = server.backend()
            stream = backend.stream(cast.endless.request())
            with anyio.fail_after(PATIENCE):
                await next_text(stream)
                server.kill()
                with pytest.raises(BackendError, match="ended before the answer was complete"):
                    await collect(stream)
                with pytest.raises(BackendUnavailable, match="No server answers"):
                    await collect(backend.stream(cast.plain[0].request()))
            server.start()
            with anyio.fail_after(PATIENCE):
                events = await collect(backend.stream(cast.plain[0].request()))
            assert isinstance(events[-1], Done)
            assert text_of(events)
            await backend.aclose()
