"""What the ollama backend sends: flags, options, messages, thinking, the window."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from acp_agent.backends.base import ModelRequest, ThoughtDelta, Usage
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.config.settings import OllamaSettings
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)
from tests.backends.harness import text_of
from tests.backends.ollama_harness import GPT_OSS, PLAIN, THINKER, ask, run
from tests.fixtures.ollama_model import Loaded, OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, Thinking
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


async def test_every_request_carries_the_flags_that_ollama_gets_wrong_by_default(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    await run(backend, ask())
    (body,) = server.chats
    assert body["truncate"] is False
    assert body["shift"] is False
    assert body["stream"] is True
    assert body["options"] == {"num_ctx": 32_768}
    assert body["keep_alive"] == "10m"
    assert "think" not in body


async def test_options_come_from_request_then_settings(server: OllamaServer) -> None:
    settings = OllamaSettings(base_url=server.url, temperature=0.5, num_ctx=2048, keep_alive="1h")
    backend = OllamaBackend(settings)
    await run(backend, ask())
    await run(backend, ask(temperature=0.0, max_tokens=7))
    await backend.aclose()
    first, second = server.chats
    assert first["options"] == {"num_ctx": 2048, "temperature": 0.5}
    assert second["options"] == {"num_ctx": 2048, "temperature": 0.0, "num_predict": 7}
    assert first["keep_alive"] == "1h"


async def test_conversation_is_spelled_for_ollama(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    messages: list[Message] = [
        UserMessage("list it"),
        AssistantMessage("", thought="hm", tool_calls=(ToolCall("c1", "ls", '{"path": "."}'),)),
        ToolResult("c1", "ls", "a.txt"),
        AssistantMessage("broken", tool_calls=(ToolCall("c2", "ls", "not json"),)),
        UserMessage("go on"),
    ]
    await run(backend, ModelRequest(messages, PLAIN.name))
    assert server.chats[0]["messages"] == [
        {"role": "user", "content": "list it"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "ls", "arguments": {"path": "."}}}],
        },
        {"role": "tool", "content": "a.txt", "tool_name": "ls", "tool_call_id": "c1"},
        {
            "role": "assistant",
            "content": "broken",
            "tool_calls": [
                {"id": "c2", "function": {"name": "ls", "arguments": {"arguments": "not json"}}}
            ],
        },
        {"role": "user", "content": "go on"},
    ]


@pytest.mark.parametrize(
    ("model", "setting", "level", "sent"),
    [
        (PLAIN, True, "on", None),
        (THINKER, False, None, False),
        (THINKER, True, None, True),
        (THINKER, "high", None, "high"),
        (THINKER, False, "on", True),
        (THINKER, "low", "off", False),
        (THINKER, False, "medium", "medium"),
        (GPT_OSS, False, None, "low"),
        (GPT_OSS, True, None, "medium"),
        (GPT_OSS, "high", None, "high"),
        (GPT_OSS, False, "high", "high"),
        (GPT_OSS, "high", "off", "low"),
        (GPT_OSS, False, "on", "medium"),
    ],
)
async def test_think_is_sent_as_the_model_takes_it(
    server: OllamaServer, model: OllamaModel, setting: Any, level: str | None, sent: object
) -> None:
    backend = OllamaBackend(OllamaSettings(base_url=server.url, think=setting))
    server.queue.append(Reply((Thinking("hm"), Content("yes"))))
    events = await run(backend, ask(model, thought_level=level))
    await backend.aclose()
    (body,) = server.chats
    assert body.get("think") == sent
    assert ("think" in body) == (sent is not None)
    assert any(isinstance(event, ThoughtDelta) for event in events) == bool(sent)
    assert text_of(events) == "yes"


async def test_a_wanted_object_is_sent_as_format_but_not_beside_tools(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    await run(backend, ask())
    await run(backend, ask(response_schema=schema))
    await run(backend, ask(THINKER, response_schema=schema, thought_level="off"))
    await run(backend, ask(response_schema=schema, tools=(Tool("ls", ""),)))
    first, second, third, fourth = server.chats
    assert "format" not in first
    assert second["format"] == schema
    assert (third["format"], third["think"]) == (schema, False)
    assert "format" not in fourth


@pytest.mark.parametrize(
    ("model", "running", "sent", "loads"),
    [
        (PLAIN, 65_536, 65_536, 0),
        (PLAIN, 4096, 32_768, 1),
        (PLAIN, None, 32_768, 1),
        (OllamaModel("small:latest", trained_context=8192), None, 8192, 1),
        (OllamaModel("small:latest", trained_context=8192), 8192, 8192, 0),
    ],
)
async def test_window_never_reloads_a_model_that_has_enough(
    backend: OllamaBackend,
    server: OllamaServer,
    model: OllamaModel,
    running: int | None,
    sent: int,
    loads: int,
) -> None:
    server.models = [model]
    if running:
        server.loaded[model.name] = Loaded(running, shift=False)
    for _ in range(2):
        events = await run(backend, ask(model))
        usage = next(event for event in events if isinstance(event, Usage))
        assert usage.context_size == sent
    assert [body["options"]["num_ctx"] for body in server.chats] == [sent, sent]
    assert len(server.loads) == loads
