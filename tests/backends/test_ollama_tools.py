"""Tools of the ollama backend: as the server has them, and told in words."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.backends.text_tools.spelling import FORMAT
from acp_agent.config.settings import OllamaSettings
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)
from acp_agent.errors import BackendError, ContextOverflow
from tests.backends.contract import BackendContract
from tests.backends.harness import Prepared, Script, text_of
from tests.backends.ollama_harness import OllamaHarness, ask, run
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, RawLine, Reply, Thinking, ToolUse
from tests.fixtures.ollama_server import OllamaServer, Planted

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
}
TOOLS = (Tool("read_file", "Reads a file.", SCHEMA), Tool("now", "Tells the time."))
NATIVE = OllamaModel("qwen3:8b", ("completion", "tools", "thinking"), 40_960, "qwen3")
PLAIN = OllamaModel("gemma:2b", ("completion",))
SILENT = OllamaModel("old:latest", None)
REFUSING = OllamaModel("broken:latest", ("completion", "tools", "thinking"), refuses_tools=True)
WORDY = OllamaModel("deepseek-r1:8b", ("completion", "thinking"))
EMBEDDING = OllamaModel("vectors:latest", ("embedding",))
WRITTEN = 'TOOL: read_file\nARGUMENTS: {"path": "a.py"}'


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    models = [NATIVE, PLAIN, SILENT, REFUSING, EMBEDDING]
    async with OllamaServer(models).running() as server:
        yield server


@pytest.fixture
async def backend(server: OllamaServer) -> AsyncGenerator[OllamaBackend]:
    backend = OllamaBackend(OllamaSettings(base_url=server.url))
    yield backend
    await backend.aclose()


class ToolsHarness(OllamaHarness):
    """Offers tools with every request of the contract's."""

    def __init__(self, backend: OllamaBackend, server: OllamaServer, model: OllamaModel) -> None:
        super().__init__(backend, server)
        self._model = model

    def prepare(self, script: Script) -> Prepared:
        prepared = super().prepare(script)
        request = replace(prepared.request, model=self._model.name, tools=TOOLS)
        return replace(prepared, request=request)


class TestContract(BackendContract):
    """Whichever way a model is told of tools, the backend keeps the contract."""

    @pytest.fixture(params=[NATIVE, WORDY, REFUSING], ids=["native", "text", "refused"])
    def harness(
        self, request: pytest.FixtureRequest, backend: OllamaBackend, server: OllamaServer
    ) -> ToolsHarness:
        server.models = [request.param]
        return ToolsHarness(backend, server, request.param)


def ask_with_tools(model: OllamaModel, **options: Any) -> ModelRequest:
    return ask(model, instructions="Be brief.", tools=TOOLS, **options)


def calls_of(events: list[Event]) -> list[tuple[str, str, bool]]:
    return [
        (event.call.name, event.call.arguments, bool(event.fault))
        for event in events
        if isinstance(event, ToolCallRequested)
    ]


async def test_models_say_how_they_take_tools(backend: OllamaBackend) -> None:
    readiness = await backend.probe()
    assert {model.id: model.tools for model in readiness.models} == {
        "qwen3:8b": "native",
        "gemma:2b": "text",
        "old:latest": "text",
        "broken:latest": "native",
    }


async def test_tools_are_sent_as_ollama_takes_them(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    server.queue.append(Reply((Thinking("hm"), Content("I look."), ToolUse("read_file", {}))))
    events = await run(backend, ask_with_tools(NATIVE, thought_level="on"))
    (body,) = server.chats
    assert body["tools"] == [
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
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    kinds = [type(event) for event in events if not isinstance(event, Progress)]
    assert kinds == [ThoughtDelta, TextDelta, ToolCallRequested, Usage, Done]


async def test_without_tools_nothing_is_said_of_them(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    server.queue.append(Reply((Content(WRITTEN),)))
    events = await run(backend, ask(NATIVE))
    assert text_of(events) == WRITTEN
    assert "tools" not in server.chats[0]
    assert server.chats[0]["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("model", [PLAIN, SILENT], ids=["no tools", "unknown"])
async def test_other_models_are_told_in_words(
    backend: OllamaBackend, server: OllamaServer, model: OllamaModel
) -> None:
    server.queue.append(Reply((Content("I look.\n"), Content(WRITTEN[:9]), Content(WRITTEN[9:]))))
    events = await run(backend, ask_with_tools(model))
    assert text_of(events) == "I look.\n"
    assert calls_of(events) == [("read_file", '{"path": "a.py"}', False)]
    (body,) = server.chats
    assert "tools" not in body
    system = body["messages"][0]["content"]
    assert system.startswith(f"Be brief.\n\n{FORMAT}read_file(path) - Reads a file.")


async def test_a_model_that_refuses_tools_is_told_in_words_from_then_on(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    await backend.probe()
    for _ in range(2):
        server.queue.append(Reply((Content(WRITTEN),)))
        events = await run(backend, ask_with_tools(REFUSING))
        assert calls_of(events) == [("read_file", '{"path": "a.py"}', False)]
    assert ["tools" in body for body in server.chats] == [True, False, False]
    readiness = await backend.probe()
    assert {model.id: model.tools for model in readiness.models}["broken:latest"] == "text"


async def test_other_refusals_are_told(backend: OllamaBackend, server: OllamaServer) -> None:
    server.planted["/api/chat"] = Planted(500, b'{"error": "the runner has stopped"}')
    with pytest.raises(BackendError, match="the runner has stopped"):
        await run(backend, ask_with_tools(NATIVE))
    assert len(server.chats) == 1


async def test_a_call_that_leaks_into_the_text_is_a_call(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    """As Qwen2.5-Coder does, of which Ollama says that it has tools."""
    pieces = ('{"name": "read', '_file", "arguments": ', '{"path": "a.py"}}')
    server.queue.append(Reply(tuple(map(Content, pieces))))
    events = await run(backend, ask_with_tools(NATIVE))
    assert text_of(events) == ""
    assert calls_of(events) == [("read_file", '{"path": "a.py"}', False)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"path": "ä"}, ("read_file", '{"path": "ä"}', False)),
        ('{"path": "a"}', ("read_file", '{"path": "a"}', False)),
        (None, ("read_file", "{}", False)),
        ("", ("read_file", "{}", False)),
        ("path=a", ("read_file", "path=a", True)),
        (["a"], ("read_file", '["a"]', True)),
        (7, ("read_file", "7", True)),
        (False, ("read_file", "false", True)),
    ],
)
async def test_arguments_that_are_no_object(
    backend: OllamaBackend,
    server: OllamaServer,
    arguments: object,
    expected: tuple[str, str, bool],
) -> None:
    server.queue.append(Reply((ToolUse("read_file", arguments),)))
    assert calls_of(await run(backend, ask_with_tools(NATIVE))) == [expected]


NOT_WHOLE: list[tuple[Any, list[tuple[str, str, bool]]]] = [
    ([{"id": 7, "function": {"name": "now"}}], [("now", "{}", False)]),
    ([{"function": {"arguments": {}}}], [("", "{}", False)]),
    ([{}], []),
    (None, []),
]


@pytest.mark.parametrize(("calls", "expected"), NOT_WHOLE)
async def test_calls_that_are_not_whole(
    backend: OllamaBackend, server: OllamaServer, calls: object, expected: list[Any]
) -> None:
    line = {"message": {"role": "assistant", "content": "", "tool_calls": calls}}
    server.queue.append(Reply((RawLine(json.dumps(line).encode() + b"\n"),)))
    events = await run(backend, ask_with_tools(NATIVE))
    assert calls_of(events) == expected
    assert isinstance(events[-1], Done)


async def test_calls_that_are_none_of_ollamas(backend: OllamaBackend, server: OllamaServer) -> None:
    line = b'{"message": {"role": "assistant", "tool_calls": "read_file"}}\n'
    server.queue.append(Reply((RawLine(line),)))
    with pytest.raises(BackendError, match="does not speak Ollama's API"):
        await run(backend, ask_with_tools(NATIVE))


async def test_a_request_extends_the_one_before(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    messages: list[Message] = [
        UserMessage("read it"),
        AssistantMessage("", tool_calls=(ToolCall("c1", "read_file", '{"path": "a.py"}'),)),
        ToolResult("c1", "read_file", "x = 1"),
        AssistantMessage("It is short."),
        UserMessage("thanks"),
    ]
    for model in (NATIVE, PLAIN):
        for end in (1, 3, 5):
            await run(backend, ModelRequest(messages[:end], model.name, tools=TOOLS))
    sent = [body["messages"] for body in server.chats]
    for before, after in ((0, 1), (1, 2), (3, 4), (4, 5)):
        assert sent[after][: len(sent[before])] == sent[before]
    assert [message["role"] for message in sent[1]] == ["user", "assistant", "tool"]
    assert [message["role"] for message in sent[4]] == ["system", "user", "assistant", "user"]


async def test_tools_count_for_the_window(server: OllamaServer) -> None:
    backend = OllamaBackend(OllamaSettings(base_url=server.url, num_ctx=256))
    many = tuple(Tool(f"tool_{n}", "Does one thing.", SCHEMA) for n in range(40))
    with pytest.raises(ContextOverflow):
        await run(backend, ask(NATIVE, tools=many))
    await backend.aclose()
