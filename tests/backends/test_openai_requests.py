"""What the openai backend sends."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from acp_agent.backends.base import ModelRequest
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.config.openai_settings import EndpointSettings, OpenAISettings
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)
from tests.backends.openai_harness import (
    MODEL,
    ask,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    OpenAIServer,
    Reply,
    call,
    calling,
    refusal,
    text,
    thought,
)

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOLS = (Tool("read_file", "Reads a file.", SCHEMA), Tool("now", "Tells the time."))


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncGenerator[OpenAIBackend]:
    backend = make_backend(server)
    yield backend
    await backend.aclose()


async def test_a_request_says_no_more_than_it_must(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await run(backend)
    assert server.chats == [
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_options_come_from_request_then_settings(server: OpenAIServer) -> None:
    backend = make_backend(server, temperature=0.5, max_tokens=99)
    await run(backend)
    await run(backend, ask(temperature=0.0, max_tokens=7))
    await backend.aclose()
    first, second = server.chats
    assert (first["temperature"], first["max_tokens"]) == (0.5, 99)
    assert (second["temperature"], second["max_tokens"]) == (0.0, 7)


async def test_a_model_name_with_slashes_is_sent_whole(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await run(backend, ModelRequest((UserMessage("hi"),), "default/org/model:q4"))
    assert server.chats[0]["model"] == "org/model:q4"


async def test_half_a_character_does_not_stop_a_conversation(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await run(backend, ModelRequest((UserMessage("half \ud83c, whole 🍣"),), MODEL))
    assert server.chats[0]["messages"][-1]["content"] == "half ?, whole 🍣"


async def test_conversation_is_spelled_as_the_api_has_it(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    messages: list[Message] = [
        UserMessage("list it"),
        AssistantMessage("", thought="hm", tool_calls=(ToolCall("c1", "ls", '{"path": "."}'),)),
        ToolResult("c1", "ls", "a.txt"),
        AssistantMessage("broken", tool_calls=(ToolCall("c2", "ls", "not json"),)),
        ToolResult("c2", "ls", "no"),
        UserMessage("go on"),
    ]
    await run(backend, ModelRequest(messages, MODEL, instructions="Be brief."))

    def called(id: str, arguments: str) -> list[dict[str, Any]]:
        function = {"name": "ls", "arguments": arguments}
        return [{"id": id, "type": "function", "function": function}]

    broken = '{"arguments": "not json"}'
    assert server.chats[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "list it"},
        {"role": "assistant", "content": "", "tool_calls": called("c1", '{"path": "."}')},
        {"role": "tool", "tool_call_id": "c1", "name": "ls", "content": "a.txt"},
        {"role": "assistant", "content": "broken", "tool_calls": called("c2", broken)},
        {"role": "tool", "tool_call_id": "c2", "name": "ls", "content": "no"},
        {"role": "user", "content": "go on"},
    ]


async def test_tools_are_spelled_as_the_api_has_them(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await run(backend, ask(tools=TOOLS))
    assert server.chats[0]["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "read_file",
                "description": "Reads a file.",
                "parameters": SCHEMA,
            },
        },
        {
            "type": "function",
            "function": {
                "name": "now",
                "description": "Tells the time.",
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]
    assert "tool_choice" not in server.chats[0]


async def test_a_wanted_object_is_sent_but_not_beside_tools(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await run(backend, ask(response_schema=SCHEMA))
    await run(backend, ask(response_schema=SCHEMA, tools=TOOLS))
    first, second = server.chats
    assert first["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }
    assert "response_format" not in second


@pytest.mark.parametrize(
    ("level", "sent"), [(None, None), ("low", "low"), ("high", "high"), ("on", None)]
)
async def test_a_level_of_thought_is_sent_where_the_api_knows_it(
    backend: OpenAIBackend, server: OpenAIServer, level: str | None, sent: str | None
) -> None:
    await run(backend, ask(thought_level=level))
    assert server.chats[0].get("reasoning_effort") == sent


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("openai/gpt-oss-20b", ("low", "medium", "high")),
        ("GPT_OSS:120b", ("low", "medium", "high")),
        ("gptoss", ("low", "medium", "high")),
        ("gpt-4o", ()),
        ("gpt-ossify", ()),
    ],
)
async def test_models_that_take_levels_are_known_by_name(
    backend: OpenAIBackend, server: OpenAIServer, name: str, levels: tuple[str, ...]
) -> None:
    server.models = [{"id": name}]
    (model,) = (await backend.probe()).models
    assert model.thought_levels == levels
    assert model.thought_default == ("medium" if levels else None)


@pytest.mark.parametrize(("tools", "is_told"), [("text", True), ("none", False)])
async def test_an_endpoint_says_how_its_models_take_tools(
    server: OpenAIServer, tools: str, is_told: bool
) -> None:
    backend = make_backend(server, {"tools": tools})
    await run(backend, ask(tools=TOOLS, instructions="Be brief."))
    await backend.aclose()
    (body,) = server.chats
    assert "tools" not in body
    assert ("read_file(path?)" in body["messages"][0]["content"]) == is_told


async def test_llamacpp_is_asked_how_far_it_is(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    server.queue.append(Reply((text("a"),), headers="\r\nServer: llama.cpp"))
    await run(backend)
    await run(backend)
    assert ["return_progress" in body for body in server.chats] == [False, True]


@pytest.mark.parametrize(("owner", "is_asked"), [("llamacpp", True), ("local", True), ("", False)])
async def test_who_tells_progress_is_known_from_the_list(
    backend: OpenAIBackend, server: OpenAIServer, owner: str, is_asked: bool
) -> None:
    """The first prompt is the longest, and cannot be cancelled while it is read otherwise."""
    server.models = [{"id": "tiny", "owned_by": owner}]
    await backend.probe()
    await run(backend)
    assert ("return_progress" in server.chats[0]) == is_asked


CALLED: tuple[Message, ...] = (
    UserMessage("hi"),
    AssistantMessage("", tool_calls=(ToolCall("call_abcdefgh", "now", "{}"),)),
    ToolResult("call_abcdefgh", "now", "12:00"),
)


async def _called_a_tool(backend: OpenAIBackend, server: OpenAIServer) -> None:
    piece = call(id="call_abcdefgh", name="now", arguments="{}")
    server.queue.append(Reply((thought("I wonder "), thought("what time."), calling(piece))))
    await run(backend, ask(tools=TOOLS))


async def test_a_thought_goes_back_while_its_calls_are_worked_on(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await _called_a_tool(backend, server)
    later = (*CALLED, AssistantMessage("Noon."), UserMessage("and now?"))
    for messages in (CALLED, later):
        await run(backend, ModelRequest(messages, MODEL, instructions="Be brief.", tools=TOOLS))
    told = [[m.get("reasoning_content") for m in body["messages"]] for body in server.chats]
    assert told == [[None], [None, None, "I wonder what time.", None], [None] * 6]


async def test_a_thought_that_a_server_does_not_take_stays_here(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await _called_a_tool(backend, server)
    server.queue.append(refusal(400, "property 'reasoning_content' is unsupported"))
    for _ in range(2):
        await run(backend, ModelRequest(CALLED, MODEL, tools=TOOLS))
    assert ["reasoning_content" in body["messages"][1] for body in server.chats[1:]] == [
        True,
        False,
        False,
    ]


async def test_a_thought_of_one_server_is_not_told_to_another(server: OpenAIServer) -> None:
    table = EndpointSettings(base_url=server.url)
    settings = OpenAISettings(discover=False)
    backend = OpenAIBackend(settings, {"default": table, "other": table}, {})
    await _called_a_tool(backend, server)
    await run(backend, ModelRequest(CALLED, "other/tiny", tools=TOOLS))
    await backend.aclose()
    assert "reasoning_content" not in server.chats[1]["messages"][1]
