"""The openai backend against the contract, and its connections."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.backends.http.lines import ResponseLines
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.backends.openai.directory import Directory
from acp_agent.backends.openai.endpoints import Endpoint, find_endpoints
from acp_agent.config.openai_settings import OpenAISettings
from acp_agent.conversation import Tool
from acp_agent.errors import BackendError, BackendUnavailable
from tests.backends.contract import BackendContract
from tests.backends.harness import Prepared, Script, collect, next_text
from tests.backends.openai_harness import (
    PATIENCE,
    OpenAIHarness,
    ask,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Hold,
    OpenAIServer,
    Reply,
    refusal,
    text,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncGenerator[OpenAIBackend]:
    backend = make_backend(server)
    yield backend
    await backend.aclose()


class ToolsHarness(OpenAIHarness):
    """Offers tools with every request of the contract's."""

    def prepare(self, script: Script) -> Prepared:
        prepared = super().prepare(script)
        return replace(prepared, request=replace(prepared.request, tools=(Tool("now", ""),)))


class TestContract(BackendContract):
    """The backend keeps the contract, with tools and without."""

    @pytest.fixture(params=[OpenAIHarness, ToolsHarness], ids=["plain", "tools"])
    def harness(
        self, request: pytest.FixtureRequest, backend: OpenAIBackend, server: OpenAIServer
    ) -> OpenAIHarness:
        return request.param(backend, server)


async def test_answers_share_a_connection(backend: OpenAIBackend, server: OpenAIServer) -> None:
    for _ in range(3):
        await run(backend)
    assert len(server.chats) == 3
    assert server.connections == 1


async def test_cancelled_answer_is_not_waited_for(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    """The server does not react at all; closing returns all the same, and it sees the end."""
    server.queue.append(Reply((text("one"), Hold())))
    stream = backend.stream(ask())
    with anyio.fail_after(PATIENCE):
        assert await next_text(stream) == "one"
        await stream.aclose()
        await server.exchanges[0].client_left.wait()


async def test_cancel_while_the_server_reads_the_prompt(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    server.queue.append(Reply((Hold(),)))
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()))
            while not server.exchanges:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await server.exchanges[0].client_left.wait()


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_closing_does_not_wait_for_the_garbage_collector(
    backend: OpenAIBackend,
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
    is_cancelled: bool,
) -> None:
    kept: list[ResponseLines] = []
    make = ResponseLines.__init__

    def keep(self: ResponseLines, *arguments: Any) -> None:
        kept.append(self)
        make(self, *arguments)

    monkeypatch.setattr(ResponseLines, "__init__", keep)
    server.queue.append(Reply((text("one"), Hold())))
    stream = backend.stream(ask())
    with anyio.fail_after(PATIENCE):
        assert await next_text(stream) == "one"
        with anyio.CancelScope() as scope:
            if is_cancelled:
                scope.cancel()
            await stream.aclose()
        await server.exchanges[0].client_left.wait()
    assert kept


async def _no_pause(seconds: float) -> None:
    await anyio.lowlevel.checkpoint()


class NotedDirectory(Directory):
    """Remembers what it is told of its endpoints."""

    def __init__(self, url: str) -> None:
        settings = OpenAISettings(base_url=url, discover=False)
        super().__init__(find_endpoints(settings, {}, {}), settings)
        self.noted: list[str] = []

    def note_alive(self, endpoint: Endpoint) -> None:
        self.noted.append(f"{endpoint.name} alive")

    def note_silent(self, endpoint: Endpoint) -> None:
        self.noted.append(f"{endpoint.name} silent")


async def test_requests_tell_whether_a_server_lives() -> None:
    async with OpenAIServer().running() as server:
        directory = NotedDirectory(server.url)
        settings = OpenAISettings(discover=False)
        backend = OpenAIBackend(settings, {}, {}, directory=directory, sleep=_no_pause)
        await run(backend)
        server.queue.append(refusal(400, "no"))
        with pytest.raises(BackendError):
            await run(backend)
        assert directory.noted == ["default alive"] * 2
    with pytest.raises(BackendUnavailable):
        await run(backend)
    assert directory.noted[2:] == ["default silent"]
    await backend.aclose()
