"""The fixture server does by default what Ollama does, so that our flags are seen to matter."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest

from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, Thinking
from tests.fixtures.ollama_server import OllamaServer

pytestmark = pytest.mark.anyio

THINKER = OllamaModel("thinker:latest", ("completion", "thinking"), 8192)
PLAIN = OllamaModel("plain:latest", trained_context=8192)


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    async with OllamaServer([THINKER, PLAIN]).running() as server:
        yield server


async def chat(server: OllamaServer, model: OllamaModel, **body: Any) -> list[dict[str, Any]]:
    body = {"model": model.name, "messages": [{"role": "user", "content": "hi"}]} | body
    async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as client:
        response = await client.post("/api/chat", json=body)
    return [
        {**json.loads(line), "status": response.status_code} for line in response.text.splitlines()
    ]


async def test_thinking_is_on_when_unset(server: OllamaServer) -> None:
    for think, thinks in ((None, True), (False, False), ("low", True)):
        server.queue.append(Reply((Thinking("hm"), Content("yes"))))
        lines = await chat(server, THINKER, **({} if think is None else {"think": think}))
        assert any("thinking" in line["message"] for line in lines) == thinks


@pytest.mark.parametrize("think", [True, "low"])
async def test_thinking_is_refused_for_others(server: OllamaServer, think: object) -> None:
    (line,) = await chat(server, PLAIN, think=think)
    assert line == {"error": '"plain:latest" does not support thinking', "status": 400}


async def test_window_is_small_when_unset(server: OllamaServer) -> None:
    await chat(server, PLAIN)
    await chat(server, PLAIN, options={"num_ctx": 100_000})
    await chat(server, PLAIN, options={"num_ctx": 8192})
    assert server.loads == [("plain:latest", 4096), ("plain:latest", 8192)]


async def test_oldest_messages_are_dropped_when_truncate_is_unset(server: OllamaServer) -> None:
    messages = [{"role": "user", "content": "word " * 200}, {"role": "user", "content": "hi"}]
    options = {"num_ctx": 100}
    silent = await chat(server, PLAIN, messages=messages, options=options)
    assert silent[-1]["prompt_eval_count"] == 5
    (loud,) = await chat(server, PLAIN, messages=messages, options=options, truncate=False)
    assert loud["status"] == 400
    assert "exceeds the available context size (100 tokens)" in loud["error"]


async def test_answer_goes_on_past_the_window_when_shift_is_unset(server: OllamaServer) -> None:
    for shift, reason, tokens in ((True, "stop", 20), (False, "length", 5)):
        server.queue.append(Reply(tuple(Content("a") for _ in range(20))))
        lines = await chat(server, PLAIN, options={"num_ctx": 10}, shift=shift)
        assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == (reason, tokens)


async def test_bad_duration_is_refused(server: OllamaServer) -> None:
    (line,) = await chat(server, PLAIN, keep_alive="soon")
    assert line["status"] == 400
