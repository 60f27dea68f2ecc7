"""Faults of an Ollama server: each a sentence that says what to do, and the session goes on."""

import json
import re
from collections.abc import AsyncGenerator

import anyio
import pytest

from acp_agent.backends.base import Event, ModelRequest, Progress
from acp_agent.backends.ollama import pull as pull_module
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.config.settings import OllamaSettings
from acp_agent.conversation import UserMessage
from acp_agent.errors import (
    BackendError,
    BackendUnavailable,
    ContextOverflow,
    ModelNotInstalled,
)
from tests.backends.harness import collect, never_ask, text_of
from tests.backends.ollama_harness import PATIENCE
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import (
    Content,
    Cut,
    ErrorLine,
    Hold,
    RawLine,
    Reply,
    Reset,
)
from tests.fixtures.ollama_server import OllamaServer, Planted

pytestmark = pytest.mark.anyio

MODEL = "llama3.2:latest"
HELLO = Content("Hel")


@pytest.fixture
async def server() -> AsyncGenerator[OllamaServer]:
    async with OllamaServer().running() as server:
        yield server


@pytest.fixture
async def backend(server: OllamaServer) -> AsyncGenerator[OllamaBackend]:
    settings = OllamaSettings(base_url=server.url, stall_timeout=0.1, load_timeout=0.3)
    backend = OllamaBackend(settings)
    yield backend
    await backend.aclose()


def ask(prompt: str = "hi", model: str = MODEL) -> ModelRequest:
    return ModelRequest((UserMessage(prompt),), model)


async def fails(
    backend: OllamaBackend, request: ModelRequest, events: list[Event] | None = None
) -> BackendError:
    """The error of a stream, which must be one clear sentence or more in one line."""
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError) as raised:
        await collect(backend.stream(request), events)
    message = raised.value.message
    assert re.fullmatch(r"[A-Zl`].+\.", message), message
    assert len(message) < 600
    return raised.value


async def goes_on(backend: OllamaBackend) -> None:
    with anyio.fail_after(PATIENCE):
        events = await collect(backend.stream(ask("still there?")))
    assert text_of(events) == "You said: still there?"


@pytest.mark.parametrize(
    ("steps", "said", "told"),
    [
        (
            (HELLO, ErrorLine("an error was encountered while running the model")),
            "Hel",
            "was encountered",
        ),
        ((ErrorLine("CUDA error: out of memory"),), "", "smaller model"),
        ((HELLO, Cut()), "Hel", "ended before the answer was complete"),
        ((Cut(),), "", "ended before the answer was complete"),
        ((HELLO, Reset()), "Hel", "ended before the answer was complete"),
        ((HELLO, Hold()), "Hel", "sent nothing for 0.1 s"),
        ((HELLO, RawLine(b'{"mess'), Hold()), "Hel", "sent nothing for 0.1 s"),
        ((Hold(),), "", "no first token of llama3.2:latest within 0.3 s"),
        ((HELLO, RawLine(b"not json\n")), "Hel", "does not speak Ollama's API"),
        ((HELLO, RawLine(b"[1, 2]\n")), "Hel", "does not speak Ollama's API"),
        ((HELLO, RawLine(b'{"message": "\xff"}\n')), "Hel", "does not speak Ollama's API"),
        ((HELLO, RawLine(b"x" * (17 << 20))), "Hel", "more than 16 MiB"),
    ],
)
async def test_fault_in_the_stream(
    backend: OllamaBackend, server: OllamaServer, steps: tuple[Content, ...], said: str, told: str
) -> None:
    server.queue.append(Reply(steps))
    events: list[Event] = []
    error = await fails(backend, ask(), events)
    assert told in error.message
    assert text_of(events) == said
    await goes_on(backend)


async def test_stream_without_an_end(backend: OllamaBackend, server: OllamaServer) -> None:
    server.queue.append(Reply((HELLO,), done_lines=0))
    error = await fails(backend, ask())
    assert "ended before the answer was complete" in error.message
    await goes_on(backend)


async def test_pull_that_does_not_begin(
    backend: OllamaBackend, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def report(step: Progress) -> None:
        assert not step.done

    monkeypatch.setattr(pull_module, "FIRST_LIMIT", 0.1)
    server.holds["/api/pull"] = anyio.Event()
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError) as raised:
        await backend.install("fresh", report, never_ask)
    assert "not begun to pull fresh within 0.1 s" in raised.value.message
    assert "timeout" not in raised.value.message


async def test_load_that_takes_too_long(backend: OllamaBackend, server: OllamaServer) -> None:
    server.load_gate = anyio.Event()
    error = await fails(backend, ask())
    assert "load_timeout" in error.message
    server.load_gate.set()
    await goes_on(backend)


async def test_consumer_may_be_slower_than_the_watchdog(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    """Only waiting for the server counts, not the time that the consumer takes."""
    server.queue.append(Reply((HELLO, Content("lo"))))
    events: list[Event] = []
    with anyio.fail_after(PATIENCE):
        async for event in backend.stream(ask()):
            events.append(event)
            with anyio.move_on_after(0.15):
                await anyio.Event().wait()
    assert text_of(events) == "Hello"


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (500, "llama runner process has terminated: exit status 2", "exit status 2"),
        (
            500,
            "model requires more system memory (9 GiB) than is available",
            "Choose a smaller model",
        ),
        (500, "open /home/me/.ollama/models/blobs/sha256-1: no such file", "open (path): no such"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "server busy"),
        (401, "unauthorized", "ollama signin"),
        (400, '"embed" does not support chat', "no chat model"),
        (400, 'json: {"error": "x"}', "json"),
        (500, "", "HTTP status 500"),
        (500, {"message": "as OpenAI does", "type": "server_error"}, "as OpenAI does"),
        (500, {"code": 3}, '{"code": 3}'),
        (500, "line one\nline two " + "x" * 5000, "line one line two"),
    ],
)
async def test_http_errors(
    backend: OllamaBackend, server: OllamaServer, status: int, error: object, told: str
) -> None:
    content = json.dumps({"error": error}).encode()
    server.planted["/api/chat"] = Planted(status, content)
    raised = await fails(backend, ask())
    assert told in raised.message
    assert "/home" not in raised.message
    del server.planted["/api/chat"]
    await goes_on(backend)


@pytest.mark.parametrize(
    ("planted", "kind", "told"),
    [
        (Planted(200, b"<html></html>", "text/html"), BackendError, "does not speak Ollama's API"),
        (Planted(404, b"404 page not found", "text/plain"), BackendError, "does not speak"),
        (Planted(401, b"", "text/plain"), BackendError, "asks for a login (HTTP 401)"),
        (Planted(502, b"<html>", "text/html"), BackendUnavailable, "does not answer"),
        (Planted(302, b"", "text/plain"), BackendError, "does not speak"),
    ],
)
async def test_what_stands_in_front_of_ollama(
    backend: OllamaBackend,
    server: OllamaServer,
    planted: Planted,
    kind: type[BackendError],
    told: str,
) -> None:
    server.planted["/api/chat"] = planted
    error = await fails(backend, ask())
    assert type(error) is kind
    assert told in error.message
    server.planted.clear()
    await goes_on(backend)


async def test_missing_model(backend: OllamaBackend, server: OllamaServer) -> None:
    error = await fails(backend, ask(model="nonsense:1b"))
    assert isinstance(error, ModelNotInstalled)
    await goes_on(backend)
    server.models = [OllamaModel("other:latest")]
    error = await fails(backend, ask())
    assert isinstance(error, ModelNotInstalled)
    assert error.model == MODEL


async def test_overflow_is_told_with_its_figures(
    backend: OllamaBackend, server: OllamaServer
) -> None:
    server.models[0].trained_context = 256
    error = await fails(backend, ask("word " * 1000))
    assert isinstance(error, ContextOverflow)
    assert "1,004 tokens" in error.message
    assert "holds 256" in error.message
    assert error.data == {"neededTokens": 1004, "contextSize": 256}
    await goes_on(backend)


@pytest.mark.parametrize(
    "text",
    [
        "the prompt is longer than the context length currently available to the model",
        "the input length exceeds the context length",
        "prompt is too long",
    ],
)
async def test_overflow_without_figures(
    backend: OllamaBackend, server: OllamaServer, text: str
) -> None:
    server.queue.append(Reply((ErrorLine(text),)))
    error = await fails(backend, ask())
    assert isinstance(error, ContextOverflow)
    assert "num_ctx" in error.message


async def test_server_that_goes_and_comes_back(backend: OllamaBackend) -> None:
    models = [OllamaModel(MODEL)]
    async with OllamaServer(models).running() as server:
        port = server.port
        backend = OllamaBackend(OllamaSettings(base_url=server.url))
        await goes_on(backend)
    error = await fails(backend, ask())
    assert isinstance(error, BackendUnavailable)
    assert "ollama serve" in error.message
    async with OllamaServer(models).running(port):
        await goes_on(backend)
    await backend.aclose()
