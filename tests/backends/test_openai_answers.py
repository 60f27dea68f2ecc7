"""What servers make of an answer's chunks, as events."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from acp_agent.backends.base import (
    Done,
    Notice,
    Progress,
    TextDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.conversation import AssistantMessage, Tool, ToolCall, ToolResult, UserMessage
from tests.backends.harness import text_of
from tests.backends.openai_harness import (
    ask,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Chunk,
    Cut,
    Delta,
    Hold,
    OpenAIServer,
    Raw,
    Reply,
    Step,
    call,
    calling,
    text,
    usage_of,
)

pytestmark = pytest.mark.anyio

USAGE = usage_of(12, 5)


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncGenerator[OpenAIBackend]:
    backend = make_backend(server, {"context_size": 4096})
    yield backend
    await backend.aclose()


async def test_all_figures_are_told(backend: OpenAIBackend, server: OpenAIServer) -> None:
    usage = usage_of(12, 5) | {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "context_size": 2048,
    }
    timings = {"queue_ms": 500, "prompt_ms": 1500.5, "predicted_ms": 2000, "memory_peak": 9}
    server.queue.append(Reply((text("a"), Chunk({"timings": timings})), usage=usage))
    events = await run(backend)
    assert events[-2] == Usage(12, 5, 2048, 8, 3, 0.5, 1.5005, 2.0, 9)


async def test_a_server_that_never_hangs_up_is_not_waited_for(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acp_agent.backends.openai.chat._TAIL_LIMIT", 0.1)
    backend = make_backend(server)
    end = Chunk({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    server.queue.append(Reply((text("a"), end, Hold())))
    assert await run(backend) == [TextDelta("a"), Done()]
    await backend.aclose()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["\ud83c", "\udf63!"], ["🍣!"]),
        (["a\ud83c", "\udf63", "b"], ["a", "🍣", "b"]),
        (["a\ud83c", "b"], ["a", "\N{REPLACEMENT CHARACTER}b"]),
        (["a", "\udf63b"], ["a", "\N{REPLACEMENT CHARACTER}b"]),
        (["a\ud83c"], ["a", "\N{REPLACEMENT CHARACTER}"]),
    ],
)
async def test_halves_of_characters_are_put_together(
    backend: OpenAIBackend, server: OpenAIServer, pieces: list[str], expected: list[str]
) -> None:
    steps = [Raw(data_line_ascii(each)) for each in pieces]
    server.queue.append(Reply(steps))
    events = await run(backend)
    assert [event.text for event in events if isinstance(event, TextDelta)] == expected


def data_line_ascii(content: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": content}}]}).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("limits", "usage", "is_told"),
    [
        ({}, usage_of(12, 512), True),
        ({}, None, True),
        ({}, usage_of(12, 4084), False),
        ({"max_tokens": 5}, usage_of(12, 5), False),
    ],
    ids=["limit of its own", "no figures", "full window", "our limit"],
)
async def test_a_limit_of_the_server_is_told(
    backend: OpenAIBackend, server: OpenAIServer, limits: Any, usage: Any, is_told: bool
) -> None:
    server.queue.append(Reply((text("a"),), reason="length", usage=usage))
    events = await run(backend, ask(**limits))
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert bool(notices) == is_told
    assert events[-1] == Done("max_tokens")


PROGRESS: list[tuple[tuple[Step, ...], list[Progress]]] = [
    (
        (
            Chunk({"prompt_progress": {"total": 9, "cache": 0, "processed": 4, "time_ms": 1}}),
            Chunk({"prompt_progress": {"total": 9, "cache": 0, "processed": 9, "time_ms": 2}}),
        ),
        [
            Progress("prefill", "Reading the prompt", 4, 9, "tokens"),
            Progress("prefill", "Reading the prompt", 9, 9, "tokens", finished=True),
        ],
    ),
    (
        (Raw(b": keepalive 4/9\n\n: keepalive 8/9\n\n: keepalive 8/9\n\n: keepalive x/9\n\n"),),
        [
            Progress("prefill", "Reading the prompt", 4, 9, "tokens"),
            Progress("prefill", "Reading the prompt", 8, 9, "tokens"),
            Progress("prefill", "Reading the prompt", 8, 9, "tokens", finished=True),
        ],
    ),
    (
        (
            Chunk({"queue_progress": {"ahead": 2}}),
            Chunk({"load_progress": {"processed": 5, "total": 5}}),
        ),
        [
            Progress("queue", "Waiting for the server: 2 prompts are answered first"),
            Progress(
                "queue", "Waiting for the server: 2 prompts are answered first", finished=True
            ),
            Progress("load", "Loading tiny", 5, 5, "B", finished=True),
        ],
    ),
    ((Chunk({"prompt_progress": {"total": 0, "processed": None}}),), []),
    (
        (Raw(b": keepalive 9/9\n\n: keepalive 9/9\n\n"),),
        [Progress("prefill", "Reading the prompt", 9, 9, "tokens", finished=True)],
    ),
]


@pytest.mark.parametrize(("steps", "expected"), PROGRESS)
async def test_steps_before_the_first_token_are_shown(
    backend: OpenAIBackend,
    server: OpenAIServer,
    steps: tuple[Step, ...],
    expected: list[Progress],
) -> None:
    server.queue.append(Reply((*steps, text("a"))))
    events = await run(backend)
    assert events == [*expected, TextDelta("a"), Done()]


async def test_a_second_attempt_shows_its_own_steps(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    read = Raw(b": keepalive 9/9\n\n")
    server.queue += [Reply((read, Cut())), Reply((read, text("a")))]
    events = await run(backend)
    shown = [event.id for event in events if isinstance(event, Progress)]
    assert shown == ["prefill", "retry", "retry", "prefill"]


TOOLS = (Tool("read_file", "Reads."), Tool("now", "Tells the time."))


async def test_calls_come_out_of_their_pieces(backend: OpenAIBackend, server: OpenAIServer) -> None:
    server.queue.append(
        Reply(
            (
                text("I look."),
                calling(call(0, id="call_abcdefgh", name="read_file", arguments="")),
                calling(call(0, arguments='{"path": ')),
                calling(call(0, arguments='"ä"}'), call(1, id="call_ijklmnop", name="now")),
            ),
            reason="tool_calls",
            usage=USAGE,
        )
    )
    events = await run(backend, ask(tools=TOOLS))
    assert events == [
        TextDelta("I look."),
        ToolCallStarted("call_abcdefgh", "read_file"),
        ToolCallRequested(ToolCall("call_abcdefgh", "read_file", '{"path": "ä"}')),
        ToolCallRequested(ToolCall("call_ijklmnop", "now", "{}")),
        Usage(12, 5, 4096),
        Done(),
    ]


async def test_a_call_in_the_field_before_tools(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    pieces = ({"name": "now", "arguments": ""}, {"arguments": "{}"})
    server.queue.append(
        Reply([Delta({"function_call": piece}) for piece in pieces], reason="function_call")
    )
    events = await run(backend, ask(tools=TOOLS))
    (requested,) = [event for event in events if isinstance(event, ToolCallRequested)]
    assert (requested.call.name, requested.call.arguments) == ("now", "{}")


async def test_an_id_that_the_conversation_has_is_not_used_again(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    before = (
        UserMessage("hi"),
        AssistantMessage("", tool_calls=(ToolCall("call_abcdefgh", "now", "{}"),)),
        ToolResult("call_abcdefgh", "now", "12:00"),
    )
    server.queue.append(Reply((calling(call(id="call_abcdefgh", name="now", arguments="{}")),)))
    request = ask(tools=TOOLS)
    request = type(request)(before, request.model, tools=TOOLS)
    events = await run(backend, request)
    (requested,) = [event for event in events if isinstance(event, ToolCallRequested)]
    assert requested.call.id != "call_abcdefgh"
    assert len(requested.call.id) == 9


async def test_a_call_that_was_cut_off_must_not_run(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    pieces = calling(call(id="call_abcdefgh", name="now", arguments='{"zone": "'))
    server.queue.append(Reply((pieces,), reason="length"))
    events = await run(backend, ask(tools=TOOLS, max_tokens=9))
    requested = next(event for event in events if isinstance(event, ToolCallRequested))
    assert "limit" in requested.fault
    assert events[-1] == Done("max_tokens")


async def test_a_call_that_leaks_into_the_text_is_a_call(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    pieces = ('{"name": "read', '_file", "arguments": ', '{"path": "a.py"}}')
    server.queue.append(Reply(tuple(map(text, pieces))))
    events = await run(backend, ask(tools=TOOLS))
    (requested,) = [event for event in events if isinstance(event, ToolCallRequested)]
    assert (requested.call.name, requested.call.arguments) == ("read_file", '{"path": "a.py"}')
    assert text_of(events) == ""
