"""A prompt that has to wait because the server still works off a cancelled one."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from acp_agent.backends.base import Event, Progress
from acp_agent.backends.openai.backend import OpenAIBackend
from tests.backends.harness import collect, next_text
from tests.backends.openai_harness import (
    PATIENCE,
    ask,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Chunk,
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


def steps_of(events: list[Event], step: str) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress) and event.id == step]


async def test_a_prompt_after_a_cancelled_one_says_that_the_server_may_be_busy(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await _cancelled_in_prefill(backend, server)
    events = await run(backend)
    assert [step.finished for step in steps_of(events, "busy")] == [False, True]
    assert isinstance(events[0], Progress)
    assert "busy with the prompt that was cancelled" in events[0].title
    assert events[0].is_wait
    assert steps_of(await run(backend), "busy") == []


async def test_a_minute_after_a_cancel_nothing_is_said(
    backend: OpenAIBackend, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _cancelled_in_prefill(backend, server)
    monkeypatch.setattr("acp_agent.backends.http.abandoned.BUSY_FOR", 0.0)
    assert steps_of(await run(backend), "busy") == []


async def test_an_answer_cancelled_after_its_first_token_keeps_no_server_busy(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    server.queue.append(Reply((text("one"), Hold())))
    stream = backend.stream(ask())
    with anyio.fail_after(PATIENCE):
        await next_text(stream)
        await stream.aclose()
    assert steps_of(await run(backend), "busy") == []


async def test_a_busy_server_that_begins_to_read_ends_the_wait(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await _cancelled_in_prefill(backend, server)
    server.queue.append(Reply((Chunk({"prompt_progress": {"total": 9, "processed": 3}}), text(""))))
    shown = [event for event in await run(backend) if isinstance(event, Progress)]
    assert [(step.id, step.finished) for step in shown] == [
        ("busy", False),
        ("busy", True),
        ("prefill", False),
        ("prefill", True),
    ]


async def test_a_busy_server_that_fails_ends_the_wait(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await _cancelled_in_prefill(backend, server)
    server.queue.append(refusal(500, "oops"))
    events = await run(backend)
    assert [step.finished for step in steps_of(events, "busy")] == [False, True]


async def _cancelled_in_prefill(backend: OpenAIBackend, server: OpenAIServer) -> None:
    before = len(server.exchanges)
    server.queue.append(Reply((Hold(),)))
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()))
            while len(server.exchanges) == before:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await server.exchanges[-1].client_left.wait()
