"""The ollama backend against the contract, and its connections."""

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Progress
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.backends.ollama.client import LineStream
from acp_agent.config.settings import OllamaSettings
from tests.backends.contract import BackendContract
from tests.backends.harness import collect, next_text
from tests.backends.ollama_harness import (
    GPT_OSS,
    PATIENCE,
    PLAIN,
    THINKER,
    OllamaHarness,
    ask,
    run,
)
from tests.fixtures.ollama_model import Loaded
from tests.fixtures.ollama_replies import Content, Hold, Reply
from tests.fixtures.ollama_server import OllamaServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    async with OllamaServer([PLAIN, THINKER, GPT_OSS]).running() as server:
        yield server


@pytest.fixture
async def backend(server: OllamaServer) -> AsyncGenerator[OllamaBackend]:
    backend = OllamaBackend(OllamaSettings(base_url=server.url))
    yield backend
    await backend.aclose()


@pytest.fixture
def harness(backend: OllamaBackend, server: OllamaServer) -> OllamaHarness:
    return OllamaHarness(backend, server)


class TestContract(BackendContract):
    """The backend keeps the contract."""


async def test_answers_share_a_connection(backend: OllamaBackend, server: OllamaServer) -> None:
    server.loaded[PLAIN.name] = Loaded(32_768, shift=False)
    for _ in range(3):
        await run(backend, ask())
    assert len(server.chats) == 3
    assert server.connections == 1


async def test_cancelled_answer_is_not_waited_for(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    """The server does not react at all; closing returns all the same, and it sees the end."""
    server.holds["/api/chat"] = anyio.Event()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()))
            while not server.chats:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await server.wait_left("/api/chat")


async def test_a_prompt_after_a_cancelled_one_says_that_the_server_may_be_busy(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    """Ollama goes on reading a prompt after the connection was closed."""
    server.loaded[PLAIN.name] = Loaded(32_768, shift=False)
    server.queue.append(Reply((Hold(),)))
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()))
            while not server.chats:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await server.wait_left("/api/chat")
    events = [each for each in await run(backend, ask()) if isinstance(each, Progress)]
    assert [(each.id, each.finished) for each in events] == [("busy", False), ("busy", True)]
    assert not any(isinstance(each, Progress) for each in await run(backend, ask()))


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_closing_does_not_wait_for_the_garbage_collector(
    backend: OllamaBackend,
    server: OllamaServer,
    monkeypatch: pytest.MonkeyPatch,
    is_cancelled: bool,
) -> None:
    kept: list[LineStream] = []
    make = LineStream.__init__

    def keep(self: LineStream, *arguments: Any) -> None:
        kept.append(self)
        make(self, *arguments)

    monkeypatch.setattr(LineStream, "__init__", keep)
    server.queue.append(Reply((Content("one"), Hold())))
    stream = backend.stream(ask())
    with anyio.fail_after(PATIENCE):
        assert await next_text(stream) == "one"
        with anyio.CancelScope() as scope:
            if is_cancelled:
                scope.cancel()
            await stream.aclose()
        await server.wait_left("/api/chat")
    assert kept
