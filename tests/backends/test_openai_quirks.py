"""What servers make of the chunks of an answer."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Notice,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.backends.openai.backend import OpenAIBackend
from tests.backends.harness import text_of
from tests.backends.openai_harness import (
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Chunk,
    Cut,
    Delta,
    OpenAIServer,
    Raw,
    Reply,
    text,
    thought,
    usage_of,
    whole,
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


def choice(**fields: Any) -> Chunk:
    return Chunk({"choices": [{"index": 0, **fields}]})


QUIRKS: dict[str, tuple[Reply, list[Event]]] = {
    "a byte order mark": (
        Reply((Raw(b"\xef\xbb\xbf"), text("a"))),
        [TextDelta("a"), Done()],
    ),
    "usage in a last chunk": (
        Reply((text("a"),), usage=USAGE),
        [TextDelta("a"), Usage(12, 5, 4096), Done()],
    ),
    "usage beside the finish reason": (
        Reply(
            (
                text("a"),
                Chunk({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}),
            ),
            reason=None,
        ),
        [TextDelta("a"), Usage(12, 5, 4096), Done()],
    ),
    "usage in each chunk": (
        Reply((Chunk({"choices": [], "usage": usage_of(12, 1)}), text("a")), usage=USAGE),
        [TextDelta("a"), Usage(12, 5, 4096), Done()],
    ),
    "usage before the answer": (
        Reply((Chunk({"choices": [], "usage": USAGE}), text("a"))),
        [TextDelta("a"), Usage(12, 5, 4096), Done()],
    ),
    "no usage": (Reply((text("a"),)), [TextDelta("a"), Done()]),
    "usage without figures": (
        Reply((text("a"),), usage={"prompt_tokens": None, "completion_tokens": None}),
        [TextDelta("a"), Done()],
    ),
    "figures of llama.cpp only": (
        Reply((text("a"), Chunk({"timings": {"prompt_n": 3, "cache_n": 4, "predicted_n": 2}}))),
        [TextDelta("a"), Usage(7, 2, 4096, cached_tokens=4), Done()],
    ),
    "no [DONE]": (Reply((text("a"),), is_done=False), [TextDelta("a"), Done()]),
    "no finish reason": (Reply((text("a"),), reason=None), [TextDelta("a"), Done()]),
    "empty finish reason": (
        Reply((choice(delta={"content": "a"}, finish_reason=""),)),
        [TextDelta("a"), Done()],
    ),
    "unknown finish reason": (Reply((text("a"),), reason="eos_token"), [TextDelta("a"), Done()]),
    "tool calls that did not come": (
        Reply((text("a"),), reason="tool_calls"),
        [TextDelta("a"), Done()],
    ),
    "content filter": (
        Reply((text("a"),), reason="content_filter"),
        [TextDelta("a"), Done("refusal")],
    ),
    "refusal in words": (Reply((Delta({"refusal": "No."}),)), [TextDelta("No."), Done("refusal")]),
    "connection lost after the end": (
        Reply((text("a"), choice(delta={}, finish_reason="stop"), Cut()), reason=None),
        [TextDelta("a"), Done()],
    ),
    "reset after the end": (
        Reply((text("a"), choice(delta={}, finish_reason="stop"), Cut(True)), reason=None),
        [TextDelta("a"), Done()],
    ),
    "null content": (
        Reply((Delta({"role": "assistant", "content": None}), text("a"))),
        [TextDelta("a"), Done()],
    ),
    "role with each chunk": (
        Reply((Delta({"role": "assistant", "content": "a"}),)),
        [TextDelta("a"), Done()],
    ),
    "null delta": (Reply((choice(delta=None), text("a"))), [TextDelta("a"), Done()]),
    "content in parts": (
        Reply((Delta({"content": [{"type": "text", "text": "a"}]}),)),
        [TextDelta("a"), Done()],
    ),
    "reasoning_content": (
        Reply((thought("hm"), text("a"))),
        [ThoughtDelta("hm"), TextDelta("a"), Done()],
    ),
    "reasoning": (
        Reply((Delta({"reasoning": "hm"}), text("a"))),
        [ThoughtDelta("hm"), TextDelta("a"), Done()],
    ),
    "both spellings of one thought": (
        Reply((Delta({"reasoning": "hm", "reasoning_content": "hm"}), text("a"))),
        [ThoughtDelta("hm"), TextDelta("a"), Done()],
    ),
    "another choice": (
        Reply((Chunk({"choices": [{"index": 1, "delta": {"content": "b"}}]}), text("a"))),
        [TextDelta("a"), Done()],
    ),
    "comments": (Reply((Raw(b": ping\n\n"), text("a"), Raw(b":\n"))), [TextDelta("a"), Done()]),
    "carriage returns": (
        Reply(
            (Raw(b'data: {"choices": [{"delta": {"content": "a"}}]}\r\n\r\n'),),
        ),
        [TextDelta("a"), Done()],
    ),
    "no space, more fields": (
        Reply((Raw(b'id: 1\nretry: 3\ndata:{"choices": [{"delta": {"content": "a"}}]}\n\n'),)),
        [TextDelta("a"), Done()],
    ),
    "an event over two lines": (
        Reply((Raw(b'data: {"choices":\ndata: [{"delta": {"content": "a"}}]}\n\n'),)),
        [TextDelta("a"), Done()],
    ),
    "an end without a blank line": (
        Reply(
            (Raw(b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}'),),
            reason=None,
            is_done=False,
        ),
        [TextDelta("a"), Done()],
    ),
    "an error that is none": (Reply((Chunk({"error": None}), text("a"))), [TextDelta("a"), Done()]),
    "no stream at all": (
        whole(
            {
                "object": "chat.completion",
                "choices": [
                    {
                        "message": {"role": "assistant", "content": "a", "reasoning": "hm"},
                        "finish_reason": "length",
                    }
                ],
                "usage": USAGE,
            }
        ),
        [ThoughtDelta("hm"), TextDelta("a"), Usage(12, 5, 4096), Done("max_tokens")],
    ),
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("reply", "expected"), QUIRKS.values(), ids=QUIRKS)
async def test_quirks_of_servers(
    backend: OpenAIBackend, server: OpenAIServer, reply: Reply, expected: list[Event], split: int
) -> None:
    reply = Reply(**{name: getattr(reply, name) for name in _SCRIPT}, split=split)
    server.queue.append(reply)
    events = await run(backend)
    assert [event for event in events if not isinstance(event, Notice)] == expected
    assert text_of(await run(backend)) == "hello"


_SCRIPT = ("steps", "reason", "usage", "is_done", "content_type", "status", "body")
