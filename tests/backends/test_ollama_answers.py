"""What the ollama backend makes of an answer: the load, notices, tool calls, quirks."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Notice,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.config.settings import OllamaSettings
from tests.backends.harness import collect
from tests.backends.ollama_harness import PATIENCE, PLAIN, THINKER, ask, run
from tests.fixtures.ollama_model import Loaded, OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, Thinking, ToolUse
from tests.fixtures.ollama_server import OllamaServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    async with OllamaServer([PLAIN, THINKER]).running() as server:
        yield server


@pytest.fixture
async def backend(server: OllamaServer) -> AsyncGenerator[OllamaBackend]:
    backend = OllamaBackend(OllamaSettings(base_url=server.url))
    yield backend
    await backend.aclose()


async def test_cold_model_shows_its_load(backend: OllamaBackend, server: OllamaServer) -> None:
    server.load_gate = anyio.Event()
    events: list[Event] = []
    with anyio.fail_after(PATIENCE):
        stream = backend.stream(ask())
        assert await anext(stream) == Progress("load", "Loading llama3.2:latest (4.7 GB)")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, stream, events)
            await anyio.wait_all_tasks_blocked()
            assert events == []
            server.load_gate.set()
    assert events[0] == Progress("load", "Loading llama3.2:latest (4.7 GB)", finished=True)
    assert not any(isinstance(event, Notice) for event in events)
    again = await run(backend, ask())
    assert not any(isinstance(event, Progress) for event in again)
    assert server.loads == [(PLAIN.name, 32_768)]


@pytest.mark.parametrize(("gpu_share", "part"), [(0.62, "38%"), (0.0, "all"), (1.0, None)])
async def test_share_on_the_cpu_is_told_once_per_load(
    backend: OllamaBackend, server: OllamaServer, gpu_share: float, part: str | None
) -> None:
    model = OllamaModel("big:latest", gpu_share=gpu_share)
    server.models = [model]

    async def notices() -> list[str]:
        events = await run(backend, ask(model))
        return [event.text for event in events if isinstance(event, Notice)]

    first = await notices()
    assert len(first) == (part is not None)
    if part is not None:
        assert f"{part} of big:latest on the CPU" in first[0]
        assert "num_ctx (now 32,768)" in first[0]
    assert await notices() == []
    server.loaded.clear()
    assert len(await notices()) == len(first)


async def test_share_of_a_model_loaded_by_others_is_told(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    model = OllamaModel("big:latest", gpu_share=0.5)
    server.models, server.loaded = [model], {model.name: Loaded(32_768, shift=False)}
    events = await run(backend, ask(model))
    assert isinstance(events[0], Notice)
    assert server.loads == []


async def test_tool_calls_get_ids_of_their_own(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    """Servers give none, or the same to several."""
    steps = (
        ToolUse("ls", {"path": "ä"}, "call_x"),
        ToolUse("pwd", {}, None),
        ToolUse("w", {}, "call_x"),
    )
    server.queue.append(Reply(steps))
    events = await run(backend, ask())
    calls = [event.call for event in events if isinstance(event, ToolCallRequested)]
    assert [call.name for call in calls] == ["ls", "pwd", "w"]
    assert len({call.id for call in calls}) == 3
    assert not any(isinstance(event, ToolCallStarted) for event in events)
    assert json.loads(calls[0].arguments) == {"path": "ä"}
    assert calls[1].arguments == "{}"


@pytest.mark.parametrize(
    ("reply", "usage", "stop"),
    [
        (Reply((Content("a"),), done_lines=2), Usage(5, 1, 32_768), "end_turn"),
        (Reply((Content("a"),), done_reason=None), Usage(5, 1, 32_768), "end_turn"),
        (Reply((Content("a"),), done_reason="load"), Usage(5, 1, 32_768), "end_turn"),
        (Reply((Content("a"),), done_reason="length"), Usage(5, 1, 32_768), "max_tokens"),
        (Reply((Content("a"),), counts=False), None, "end_turn"),
        (Reply((Content("a"),), prompt_tokens=0, output_tokens=0), None, "end_turn"),
        (Reply((Content("a"),), line_end=b"\r\n\r\n"), Usage(5, 1, 32_768), "end_turn"),
        (Reply((Content("a"),), single=True), Usage(5, 1, 32_768), "end_turn"),
    ],
    ids=["twice", "no reason", "load", "length", "no counts", "zero", "crlf", "single"],
)
async def test_quirks_of_look_alikes(
    backend: OllamaBackend, server: OllamaServer, reply: Reply, usage: Usage | None, stop: Any
) -> None:
    server.queue.append(reply)
    events = await run(backend, ask())
    told = [event for event in events if not isinstance(event, Progress)]
    assert told == [TextDelta("a"), *([usage] if usage else []), Done(stop)]


async def test_single_object_with_tools(backend: OllamaBackend, server: OllamaServer) -> None:
    steps = (Thinking("hm"), Content("I look."), ToolUse("ls", {"path": "."}))
    server.queue.append(Reply(steps, single=True))
    events = await run(backend, ask(THINKER, thought_level="on"))
    kinds = [type(event) for event in events if not isinstance(event, Progress)]
    assert kinds == [ThoughtDelta, TextDelta, ToolCallRequested, Usage, Done]
