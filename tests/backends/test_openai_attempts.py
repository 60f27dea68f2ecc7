"""Attempts, what a server does not take, and a server that is still busy."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from acp_agent.backends.base import Event, Progress
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.conversation import Tool
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow
from tests.backends.harness import collect, text_of
from tests.backends.openai_harness import (
    PATIENCE,
    ask,
    make_backend,
    run,
)
from tests.fixtures.openai_server import (
    Chunk,
    Cut,
    OpenAIServer,
    Raw,
    Reply,
    call,
    calling,
    refusal,
    text,
)

pytestmark = pytest.mark.anyio

TOOLS = (Tool("now", "Tells the time."),)


class Pauses:
    """The pauses between attempts; each ends when ``gate`` is set."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.gate = anyio.Event()
        self.gate.set()

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await self.gate.wait()


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with OpenAIServer().running() as server:
        yield server


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def backend(server: OpenAIServer, pauses: Pauses) -> AsyncGenerator[OpenAIBackend]:
    backend = make_backend(server, sleep=pauses)
    yield backend
    await backend.aclose()


def steps_of(events: list[Event], step: str) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress) and event.id == step]


@pytest.mark.parametrize(
    "reply",
    [
        refusal(500, "oops"),
        refusal(503, {"message": "Loading model"}),
        refusal(502, b"<html>", "text/html"),
        Reply((Cut(),)),
        Reply((Cut(reset=True),)),
        Reply((Raw(b": ping\n\n"), Cut())),
        Reply((Chunk({"prompt_progress": {"total": 9, "processed": 3}}), Cut())),
    ],
    ids=["500", "loading", "502", "cut", "reset", "after a ping", "after progress"],
)
async def test_what_may_pass_is_tried_again(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses, reply: Reply
) -> None:
    server.queue += [reply, reply]
    events = await run(backend)
    assert text_of(events) == "hello"
    assert pauses.taken == [0.5, 1.0]
    assert [step.finished for step in steps_of(events, "retry")] == [False, True] * 2
    assert [step.finished for step in steps_of(events, "prefill")] in ([], [False, True] * 2)
    assert server.chats[0] == server.chats[1] == server.chats[2]


async def test_three_attempts_are_all(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses
) -> None:
    server.replies["hi"] = refusal(500, "oops")
    with pytest.raises(BackendError, match="oops"):
        await run(backend)
    assert len(server.chats) == 3
    assert pauses.taken == [0.5, 1.0]


async def test_an_absent_server_is_tried_three_times(pauses: Pauses) -> None:
    async with OpenAIServer().running() as server:
        backend = make_backend(server, sleep=pauses)
    with pytest.raises(BackendUnavailable):
        await run(backend)
    assert pauses.taken == [0.5, 1.0]
    await backend.aclose()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 501])
async def test_a_refusal_is_final(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses, status: int
) -> None:
    server.queue.append(refusal(status, "no"))
    with pytest.raises(BackendError):
        await run(backend)
    assert len(server.chats) == 1
    assert pauses.taken == []


async def test_a_prompt_that_does_not_fit_is_final_whatever_the_status(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses
) -> None:
    server.queue.append(refusal(500, "the request exceeds the available context size"))
    with pytest.raises(ContextOverflow):
        await run(backend)
    assert pauses.taken == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply((text("Hel"), Cut())),
        Reply((calling(call(name="now")), Cut())),
        Reply((text("Hel"), Chunk({"error": {"message": "oops", "code": 500}}))),
        Reply((Chunk({"error": {"message": "oops", "code": 400}}),)),
    ],
    ids=["cut", "in a call", "error", "error at once"],
)
async def test_an_answer_that_has_begun_is_not_asked_for_again(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses, reply: Reply
) -> None:
    server.queue.append(reply)
    with pytest.raises(BackendError):
        await run(backend)
    assert len(server.chats) == 1
    assert pauses.taken == []


async def test_cancel_in_a_pause(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses
) -> None:
    pauses.gate = anyio.Event()
    server.queue.append(refusal(500, "oops"))
    events: list[Event] = []
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()), events)
            while not pauses.taken:
                await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(server.chats) == 1
    pauses.gate.set()
    assert text_of(await run(backend)) == "hello"


@pytest.mark.parametrize(
    ("error", "field"),
    [
        ("Extra inputs are not permitted: stream_options", "stream_options"),
        ({"message": "Unsupported value", "param": "temperature"}, "temperature"),
        ('json: unknown field "response_format"', "response_format"),
        ("'max_tokens' is not supported: use 'max_completion_tokens' instead.", "max_tokens"),
    ],
)
async def test_a_field_that_a_server_does_not_take_is_left_out_from_then_on(
    backend: OpenAIBackend, server: OpenAIServer, pauses: Pauses, error: object, field: str
) -> None:
    request = ask(temperature=0.5, max_tokens=9, response_schema={"type": "object"})
    server.queue.append(refusal(400, error))
    for _ in range(2):
        assert text_of(await run(backend, request)) == "hello"
    first, second, third = server.chats
    assert field in first
    assert field not in second
    assert second == third
    assert set(first) - {field} == set(second) - {"max_completion_tokens"}
    assert second.get("max_completion_tokens") == (9 if field == "max_tokens" else None)
    assert pauses.taken == []


async def test_a_request_that_a_server_quotes_keeps_its_fields(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    server.queue += [refusal(422, 'Field required; sent was {"stream_options": {}}')] * 2
    with pytest.raises(BackendError, match="Field required"):
        await run(backend)
    assert text_of(await run(backend)) == "hello"
    assert server.chats[-1] == server.chats[0]


async def test_a_field_named_in_a_failure_of_the_server_is_kept(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    server.queue.append(refusal(500, "the temperature of the device is too high"))
    await run(backend, ask(temperature=0.5))
    assert server.chats[0] == server.chats[1]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'),
        (400, "tiny does not support tools"),
        (500, "tools param requires --jinja flag"),
        (422, "Extra inputs are not permitted: tools"),
        (400, {"message": "This model cannot call tools here.", "param": "tools"}),
    ],
)
async def test_a_model_that_is_refused_tools_is_told_in_words_from_then_on(
    backend: OpenAIBackend, server: OpenAIServer, status: int, error: object
) -> None:
    server.queue.append(refusal(status, error))
    for _ in range(2):
        await run(backend, ask(tools=TOOLS))
    assert ["tools" in body for body in server.chats] == [True, False, False]
    assert "TOOL: name" in server.chats[2]["messages"][0]["content"]
    readiness = await backend.probe()
    assert [model.tools for model in readiness.models] == ["text"]


async def test_tools_that_are_refused_after_a_load_are_told_in_words(
    backend: OpenAIBackend, server: OpenAIServer
) -> None:
    refused = {"message": "This model cannot call tools here.", "param": "tools"}
    server.queue.append(Reply((Chunk({"error": refused}),), reason=None, is_done=False))
    assert text_of(await run(backend, ask(tools=TOOLS))) == "hello"
    assert ["tools" in body for body in server.chats] == [True, False]
