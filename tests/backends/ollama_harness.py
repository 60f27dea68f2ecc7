"""What the tests of the ollama backend share: models, requests, and the contract's harness."""

from typing import Any

import anyio

from acp_agent.backends.base import Event, ModelRequest, StopReason
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.conversation import UserMessage
from tests.backends.harness import (
    Fail,
    Flood,
    Prepared,
    Say,
    Script,
    Think,
    collect,
    expected_text,
    piece,
)
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, ErrorLine, Hold, Reply, Step, Thinking
from tests.fixtures.ollama_server import OllamaServer

PATIENCE = 20.0
"""Seconds after which a test is taken to hang."""

THINKER = OllamaModel("qwen3:8b", ("completion", "thinking"), 40_960, "qwen3", 5_200_000_000)
GPT_OSS = OllamaModel("gpt-oss:20b", ("completion", "thinking"), 131_072, "gptoss")
PLAIN = OllamaModel("llama3.2:latest", modified_at="2026-03-01T00:00:00Z")


def ask(model: OllamaModel = PLAIN, prompt: str = "hi", **options: Any) -> ModelRequest:
    return ModelRequest((UserMessage(prompt),), model.name, **options)


async def run(backend: OllamaBackend, request: ModelRequest) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        return await collect(backend.stream(request))


class OllamaSource:
    """The contract's view of a played reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def has_started(self) -> bool:
        return self._reply.started.is_set()

    async def wait_started(self) -> None:
        await self._reply.started.wait()

    async def wait_stopped(self) -> None:
        await self.wait_started()
        assert self._reply.exchange is not None
        await self._reply.exchange.ended.wait()

    async def settled(self) -> int:
        assert self._reply.exchange is not None
        return await self._reply.exchange.settled()


class OllamaHarness:
    """Plays the contract's scripts on the fixture server."""

    thinks = True
    read_ahead = 4 * 1024 * 1024
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens"})

    def __init__(self, backend: OllamaBackend, server: OllamaServer) -> None:
        self.backend = backend
        self._server = server

    def prepare(self, script: Script) -> Prepared:
        prompt = f"prompt {len(self._server.replies)}"
        reply = Reply(
            tuple(step for each in script.steps for step in reply_steps(each)),
            done_reason="length" if script.stop_reason == "max_tokens" else "stop",
            split=1 if script.split else 0,
        )
        if script.usage:
            reply.prompt_tokens, reply.output_tokens = script.usage
        self._server.replies[prompt] = reply
        request = ModelRequest((UserMessage(prompt),), THINKER.name, thought_level="on")
        return Prepared(request, OllamaSource(reply), expected_text(script))


def reply_steps(step: object) -> list[Step]:
    match step:
        case Say(text):
            return [Content(text)]
        case Think(text):
            return [Thinking(text)]
        case Fail(message):
            return [ErrorLine(message)]
        case Flood(count, size):
            return [Content(piece(index, size)) for index in range(count)]
        case _:
            return [Hold()]
