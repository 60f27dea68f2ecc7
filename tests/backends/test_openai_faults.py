"""Faults of OpenAI-compatible servers: each a sentence that says what to do, and the session
goes on."""

import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Event
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.errors import (
    BackendUnavailable,
)
from tests.backends.harness import text_of
from tests.backends.openai_harness import (
    MODEL,
    PATIENCE,
    ask,
    fails,
    goes_on,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Chunk,
    Cut,
    Hold,
    OpenAIServer,
    Raw,
    Reply,
    Step,
    refusal,
    text,
)

pytestmark = pytest.mark.anyio

HELLO = text("Hel")
KEY = "sk-very-secret-key"


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncGenerator[OpenAIBackend]:
    backend = make_backend(server)
    yield backend
    await backend.aclose()


@pytest.fixture
async def hasty(server: OpenAIServer) -> AsyncGenerator[OpenAIBackend]:
    """One that waits for nothing long."""
    backend = make_backend(server, stall_timeout=0.3, load_timeout=0.8)
    yield backend
    await backend.aclose()


def error(**fields: Any) -> Chunk:
    return Chunk({"error": fields})


IN_THE_STREAM: list[tuple[tuple[Step, ...], str, str]] = [
    ((HELLO, error(message="the runner has stopped", code=500)), "Hel", "the runner has stopped"),
    ((error(message="CUDA out of memory"),), "", "smaller model"),
    ((HELLO, Chunk({"error": "as text"})), "Hel", "as text"),
    ((HELLO, Chunk({"error": {"code": 3}})), "Hel", '{"code": 3}'),
    ((HELLO, Chunk({"object": "error", "message": "as vLLM", "code": 400})), "Hel", "as vLLM"),
    ((HELLO, Chunk({"detail": "as FastAPI"})), "Hel", "as FastAPI"),
    ((HELLO, Raw(b'event: error\ndata: {"message": "named"}\n\n')), "Hel", "named"),
    ((HELLO, Raw(b"event: error\ndata: plain words\n\n")), "Hel", "plain words"),
    ((HELLO, Raw(b'error: {"message": "as old llama.cpp"}\n\n')), "Hel", "as old llama.cpp"),
    ((HELLO, Chunk({"choices": [{"finish_reason": "error"}]})), "Hel", "aborted"),
    ((HELLO, Cut()), "Hel", "ended before the answer was complete"),
    ((HELLO, Cut(reset=True)), "Hel", "ended before the answer was complete"),
    ((HELLO, Raw(b"data: not json\n\n")), "Hel", "does not speak OpenAI's API"),
    ((HELLO, Raw(b"data: [1, 2]\n\n")), "Hel", "does not speak OpenAI's API"),
    ((HELLO, Raw(b"data: " + b"x" * (17 << 20))), "Hel", "more than 16 MiB"),
    ((HELLO, Raw((b"data: " + b"x" * (1 << 20) + b"\n") * 17)), "Hel", "more than 16 MiB"),
]


@pytest.mark.parametrize(("steps", "said", "told"), IN_THE_STREAM)
async def test_fault_in_the_stream(
    backend: OpenAIBackend, server: OpenAIServer, steps: tuple[Step, ...], said: str, told: str
) -> None:
    server.queue.append(Reply(steps))
    events: list[Event] = []
    raised = await fails(backend, events)
    assert told in raised.message
    assert text_of(events) == said
    assert len(server.chats) == 1
    await goes_on(backend)


SILENT: list[tuple[tuple[Step, ...], str, str]] = [
    ((HELLO, Hold()), "Hel", "sent nothing for 0.3 s"),
    ((HELLO, Raw(b"data: {"), Hold()), "Hel", "sent nothing for 0.3 s"),
    ((Hold(),), "", "no first token of tiny within 0.8 s"),
]


@pytest.mark.parametrize(("steps", "said", "told"), SILENT)
async def test_silence_in_the_stream(
    hasty: OpenAIBackend, server: OpenAIServer, steps: tuple[Step, ...], said: str, told: str
) -> None:
    server.queue.append(Reply(steps))
    events: list[Event] = []
    raised = await fails(hasty, events)
    assert told in raised.message
    assert text_of(events) == said


@pytest.mark.parametrize("cut", [b": ping\n\n", b'data: {"choices": [{"del', b"data: [DO"])
async def test_a_stream_that_just_ends_is_cut_off(
    backend: OpenAIBackend, server: OpenAIServer, cut: bytes
) -> None:
    """As of a killed server that ends its bodies by closing."""
    server.queue.append(Reply((HELLO, Raw(cut)), reason=None, is_done=False))
    assert "ended before the answer was complete" in (await fails(backend)).message
    await goes_on(backend)


async def test_progress_gives_more_time(hasty: OpenAIBackend, server: OpenAIServer) -> None:
    gate = anyio.Event()
    server.queue.append(Reply((Raw(b": keepalive 1/9\n\n"), Hold(gate), text("late"))))
    events: list[Event] = []
    with anyio.fail_after(PATIENCE):
        async for event in hasty.stream(ask()):
            events.append(event)
            if not gate.is_set():
                with anyio.move_on_after(0.9):  # what the consumer takes does not count
                    await anyio.Event().wait()
                gate.set()
    assert text_of(events) == "late"


@pytest.mark.parametrize("sign", [b": ping\n\n", b": keepalive 1/9\n\n"])
async def test_signs_of_life_alone_give_no_more_time(
    hasty: OpenAIBackend, server: OpenAIServer, sign: bytes
) -> None:
    gates = [anyio.Event() for _ in range(12)]
    server.queue.append(Reply((*signs_of_life(sign, gates), text("late"))))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(open_gates, gates)
        assert "no first token" in (await fails(hasty)).message
        tasks.cancel_scope.cancel()


async def test_signs_of_life_after_the_end_are_not_waited_for(
    backend: OpenAIBackend, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acp_agent.backends.openai.chat._TAIL_LIMIT", 0.3)
    gates = [anyio.Event() for _ in range(6)]
    end = Chunk({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    server.queue.append(Reply((HELLO, end, *signs_of_life(b": ping\n\n", gates), text("late"))))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(open_gates, gates)
        assert text_of(await run(backend)) == "Hel"
        tasks.cancel_scope.cancel()


def signs_of_life(sign: bytes, gates: Sequence[anyio.Event]) -> list[Step]:
    return [step for gate in gates for step in (Raw(sign), Hold(gate))]


async def open_gates(gates: Sequence[anyio.Event]) -> None:
    """Opens one every 0.2 s."""
    for gate in gates:
        with anyio.move_on_after(0.2):
            await anyio.Event().wait()
        gate.set()


@pytest.mark.parametrize("header", ["Authorization", "X-Key"])
async def test_the_key_is_sent_and_never_told(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    caplog.set_level(logging.DEBUG)
    table = {"key_env": "TINY_KEY", "header": header}
    backend = make_backend(server, table, {"TINY_KEY": KEY})
    server.queue += [
        refusal(401, {"message": f"Incorrect key {KEY}"}),
        refusal(400, {"message": f"bad: Bearer {KEY}"}),
        Reply((Chunk({"error": KEY}),)),
    ]
    for _ in range(3):
        raised = await fails(backend)
        assert KEY not in raised.message
    sent = f"Bearer {KEY}" if header == "Authorization" else KEY
    assert [each[header.lower()] for each in server.headers] == [sent] * 3
    assert KEY not in caplog.text
    assert KEY not in repr(backend)
    await goes_on(backend)
    await backend.aclose()


async def test_without_a_key_no_header_is_sent(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    await goes_on(backend)
    assert "authorization" not in server.headers[0]
    assert "x-conversation-id" not in server.headers[0]


async def test_a_refused_key_names_where_it_is_written(server: OpenAIServer) -> None:
    backend = make_backend(server, {"key_env": "TINY_KEY"}, {"TINY_KEY": KEY})
    server.queue.append(refusal(401, "no"))
    assert "does not accept the key" in (await fails(backend)).message
    await backend.aclose()


async def test_a_missing_key_is_told_before_anything_is_sent(server: OpenAIServer) -> None:
    backend = make_backend(server, {"key_env": "TINY_KEY"}, {})
    raised = await fails(backend)
    assert isinstance(raised, BackendUnavailable)
    assert "TINY_KEY is not set" in raised.message
    assert server.chats == []
    await backend.aclose()


async def test_an_endpoint_that_nobody_named(backend: OpenAIBackend) -> None:
    request = type(ask())(ask().messages, "elsewhere/tiny")
    with pytest.raises(BackendUnavailable, match=r"no endpoint elsewhere"):
        await run(backend, request)
    await goes_on(backend)


async def test_server_that_goes_and_comes_back() -> None:
    async with OpenAIServer().running() as server:
        backend = make_backend(server)
        await goes_on(backend)
    raised = await fails(backend)
    assert isinstance(raised, BackendUnavailable)
    assert "No server answers" in raised.message
    async with OpenAIServer().running(server.port):
        await goes_on(backend)
    await backend.aclose()


async def test_probe_tells_of_an_absent_server() -> None:
    async with OpenAIServer().running() as server:
        backend = make_backend(server)
    readiness = await backend.probe()
    assert not readiness.ready
    assert readiness.reason[0].isupper()
    assert MODEL not in [model.id for model in readiness.models]
    await backend.aclose()
