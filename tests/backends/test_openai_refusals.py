"""Answers that are no stream: refusals, pages, and prompts that do not fit."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.backends.openai.faults import BrokenOff
from acp_agent.errors import (
    BackendError,
    BackendUnavailable,
    ContextOverflow,
    ModelNotInstalled,
)
from tests.backends.openai_harness import (
    fails,
    goes_on,
    make_backend,
)
from tests.fixtures.openai_server import (
    Chunk,
    OpenAIServer,
    Reply,
    refusal,
    whole,
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


BODIES: list[tuple[Reply, type[BackendError], str]] = [
    (whole({"error": {"message": "no slot", "code": 500}}), BackendError, "no slot"),
    (whole({"error": "as text"}), BackendError, "as text"),
    (whole([{"no": "object"}]), BackendError, "does not speak OpenAI's API"),
    (whole(b"<html></html>", "text/html"), BackendError, "does not speak OpenAI's API"),
    (whole(b"Sign in", "text/html"), BackendError, "does not speak OpenAI's API"),
    (whole(b"\n<!doctype html>", "text/plain"), BackendError, "does not speak OpenAI's API"),
    (whole(b'{"cut": ', "application/json"), BackendError, "does not speak OpenAI's API"),
    (whole({"choices": []}), BackendError, "ended before the answer was complete"),
    (refusal(400, {"message": "bad\nline"}), BackendError, "bad line"),
    (refusal(400, b'{"detail": "as FastAPI"}'), BackendError, "as FastAPI"),
    (refusal(400, b'[{"error": {"message": "in a list"}}]'), BackendError, "in a list"),
    (refusal(400, b"plain words", "text/plain"), BackendError, "plain words"),
    (refusal(400, b"<html>", "text/html"), BackendError, "HTTP status 400"),
    (refusal(400, b"{}"), BackendError, "HTTP status 400"),
    (refusal(400, "open /home/me/model.gguf failed"), BackendError, "open (path) failed"),
    (refusal(401, {"message": "Invalid API Key"}), BackendError, "asks for a key (HTTP 401)"),
    (refusal(403, b"", "text/plain"), BackendError, "key_env into [endpoints.default]"),
    (refusal(404, "model `x` not found"), ModelNotInstalled, "does not have the model tiny"),
    (refusal(404, "Repository Not Found for url: https://x.example"), ModelNotInstalled, "tiny"),
    (refusal(404, b"", "text/html"), BackendError, "/v1 at its end"),
    (refusal(404, b"Not Found", "text/plain"), BackendError, "/v1 at its end"),
    (refusal(404, b'{"detail":"Not Found"}'), BackendError, "/v1 at its end"),
    (refusal(404, {"message": "File Not Found", "code": 404}), BackendError, "/v1 at its end"),
    (refusal(400, "The model `x` does not exist"), ModelNotInstalled, "Choose another model"),
    (refusal(429, {"message": "quota"}), BackendError, "takes no more requests now: quota"),
    (refusal(302, b"", "text/plain"), BackendError, "does not speak OpenAI's API"),
    (refusal(500, "the runner has stopped"), BackendError, "the runner has stopped"),
    (refusal(503, {"message": "Loading model"}), BackendUnavailable, "still loading its model"),
    (refusal(502, b"<html>", "text/html"), BackendUnavailable, "No server answers"),
]


@pytest.mark.parametrize(("reply", "kind", "told"), BODIES)
async def test_what_is_no_stream(
    backend: OpenAIBackend,
    server: OpenAIServer,
    reply: Reply,
    kind: type[BackendError],
    told: str,
) -> None:
    server.replies["hi"] = reply
    raised = await fails(backend)
    assert type(raised) is kind or isinstance(raised, BrokenOff)
    assert told in raised.message
    assert "/home" not in raised.message
    server.replies.clear()
    await goes_on(backend)


OVERFLOWS: list[tuple[Any, tuple[int, int] | None]] = [
    (
        {
            "code": 400,
            "message": "request (2010 tokens) exceeds the available context size (512 tokens), "
            "try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 2010,
            "n_ctx": 512,
        },
        (2010, 512),
    ),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
        "(4900 in the messages, 100 in the completion).",
        (5000, 4096),
    ),
    (
        "The input (1234 tokens) is longer than the model's context length (1024 tokens).",
        (1234, 1024),
    ),
    (
        "Trying to keep the first 4500 tokens when context the overflows. However, the model is "
        "loaded with context length of only 4096 tokens.",
        (4500, 4096),
    ),
    (
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
        "requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens "
        "for the completion.",
        (5000, 4096),
    ),
    (
        "You passed 4097 input tokens and requested 0 output tokens. However, the model's context "
        "length is only 4096 tokens, resulting in a maximum input length of 4096 tokens.",
        (4097, 4096),
    ),
    ("maximum context length is 131,072 tokens, you requested 140,000", (140_000, 131_072)),
    ("prompt is too long: 210000 tokens > 200000 maximum", (210_000, 200_000)),
    (
        "'max_tokens' is too large: 600. This model's maximum context length is 4096 tokens and "
        "your request has 3900 input tokens (600 > 4096 - 3900).",
        None,
    ),
    ("Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens).", None),
    ({"message": "too much", "code": "context_length_exceeded"}, None),
    ("prompt is too long", None),
    ("litellm.ContextWindowExceededError: no", None),
]


@pytest.mark.parametrize(("told", "figures"), OVERFLOWS)
@pytest.mark.parametrize("in_stream", [False, True])
async def test_overflow_is_told_with_its_figures(
    backend: OpenAIBackend,
    server: OpenAIServer,
    told: Any,
    figures: tuple[int, int] | None,
    in_stream: bool,
) -> None:
    server.queue.append(Reply((Chunk({"error": told}),)) if in_stream else refusal(400, told))
    raised = await fails(backend)
    assert isinstance(raised, ContextOverflow)
    if figures is not None:
        needed, window = figures
        assert f"{needed:,} tokens" in raised.message
        assert raised.data == {"neededTokens": needed, "contextSize": window}
    else:
        assert "does not fit" in raised.message
    assert len(server.chats) == 1
    await goes_on(backend)
