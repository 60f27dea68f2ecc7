"""Objects in the answers of models: found, checked, asked for again, refused in words."""

import json
from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
)
from acp_agent.backends.structured import NoObject, ask_structured
from acp_agent.conversation import AssistantMessage, Tool, ToolCall, UserMessage
from acp_agent.errors import BackendError
from tests.fixtures.fake_backend import FakeBackend

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
REQUEST = ModelRequest(
    (UserMessage("How many?"),), "fake-1", "How many?", tools=(Tool("ls", ""),), temperature=0.0
)
LIMIT = 200


def read(value: Mapping[str, Any]) -> int:
    if type(value.get("n")) is not int:
        raise ValueError("n must be a whole number." if "n" in value else "n is missing.")
    return value["n"]


async def ask(backend: FakeBackend, limit: int = LIMIT) -> int | NoObject:
    with anyio.fail_after(PATIENCE):
        return await ask_structured(backend, REQUEST, SCHEMA, read, size_limit=limit)


async def ask_twice(*steps: Event, limit: int = LIMIT) -> tuple[int | NoObject, FakeBackend]:
    """What is found where the model does the same both times."""
    backend = FakeBackend()
    backend.script(*steps)
    backend.script(*steps)
    return await ask(backend, limit), backend


def texts(*pieces: str) -> list[Event]:
    return [TextDelta(piece) for piece in pieces]


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 3}',
        '  {"n":3}\n',
        '```json\n{"n": 3}\n```',
        'Sure! Here it is: {"n": 3}. Anything else?',
        'The set {1, 2} and {"m": 1} do not count, but {"n": 3} and {"n": 4} do.',
        '{"answer": {"n": 3}}',
        '{"n": "{"} {"n": 3}',
        '{"n": 3, "why": "} { \\" \\u00e9 日本"}',
        '<think>perhaps {"n": 7}?</think>\n{"n": 3}',
        '{' * 40 + '{"n": 3}',
        '[{"n": 3}]',
    ],
)  # fmt: skip
async def test_the_first_object_that_fits_is_found(text: str) -> None:
    backend = FakeBackend()
    backend.script(*texts(*text))
    assert await ask(backend) == 3
    assert len(backend.streams) == 1


async def test_the_request_has_the_schema_and_no_tools() -> None:
    backend = FakeBackend()
    backend.script(ThoughtDelta("hm"), Progress("load", "Loading"), *texts('{"n": 3}'))
    assert await ask(backend) == 3
    request = backend.streams[0].request
    assert request is not None
    assert request.response_schema == SCHEMA
    assert request.tools == ()
    assert (request.messages, request.temperature) == (REQUEST.messages, 0.0)


async def test_the_second_request_says_what_was_wrong_with_the_first_answer() -> None:
    backend = FakeBackend()
    backend.script(*texts('I say {"n": "3"}'))
    backend.script(*texts('{"n": 3}'))
    assert await ask(backend) == 3
    first, second = (playing.request for playing in backend.streams)
    assert first is not None
    assert second is not None
    asked, said, told = second.messages
    assert asked == first.messages[0]
    assert said == AssistantMessage('I say {"n": "3"}')
    assert isinstance(told, UserMessage)
    assert "n must be a whole number." in told.text
    assert second.temperature == 0.2
    assert second.response_schema == SCHEMA


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "The answer is empty."),
        (texts(" \n"), "The answer is empty."),
        ([ThoughtDelta("hm")], "thought, and gave no answer"),
        (texts("<think>hm</think>"), "thought, and gave no answer"),
        ([Done("max_tokens")], "limit of tokens was reached before"),
        ([*texts('{"n": 1'), Done("max_tokens")], "cut off at its limit of tokens"),
        ([*texts('{"n": 1}'), Done("refusal")], "refused"),
        ([ToolCallRequested(ToolCall("1", "ls", "{}"))], "called a tool instead"),
        (texts("three"), "no complete JSON object"),
        (texts('{"n": 3'), "no complete JSON object"),
        (texts("{'n': 3}"), "no complete JSON object"),
        (texts('{"n": NaN}'), "no complete JSON object"),
        (texts('{"n": ' + "9" * 5000 + "}"), "no complete JSON object"),
        (texts('{"a":' * 3000), "no complete JSON object"),
        (texts('{"n": 1.5}'), "n must be a whole number."),
        (texts('{"n": "3"} or {}{'), "n must be a whole number."),
        (texts('{"m": {"n": "3"}}'), "n is missing."),
    ],
)  # fmt: skip
async def test_what_is_no_object_is_asked_for_once_more_and_then_named(
    steps: list[Event], reason: str
) -> None:
    found, backend = await ask_twice(*steps, limit=100_000)
    assert isinstance(found, NoObject)
    assert reason in found.reason
    assert len(backend.streams) == 2
    second = backend.streams[1].request
    assert second is not None
    told = second.messages[-1]
    assert isinstance(told, UserMessage)
    assert found.reason in told.text


async def test_an_answer_that_is_too_long_is_stopped() -> None:
    backend = FakeBackend()
    first = backend.script(*texts('{"n": 3}' + "é" * 96, "more", "never"))
    backend.script(*texts('{"n": 3}' + "é" * 96))
    assert await ask(backend) == 3
    assert first.stopped.is_set()
    assert [event.text for event in first.yielded if isinstance(event, TextDelta)][1:] == ["more"]
    found, _ = await ask_twice(*texts("x" * (LIMIT + 1)))
    assert found == NoObject("The answer is longer than 200 bytes.")


async def test_little_of_a_long_answer_is_sent_again() -> None:
    _, backend = await ask_twice(*texts("x" * 50_000), limit=100_000)
    second = backend.streams[1].request
    assert second is not None
    assert len(second.messages[1].text) == 1000


async def test_failures_of_the_backend_go_through() -> None:
    backend = FakeBackend()
    failing = backend.script(*texts("{"), BackendError("The runner has stopped."))
    with pytest.raises(BackendError, match="runner has stopped"):
        await ask(backend)
    assert failing.stopped.is_set()


async def test_a_cancel_goes_through_and_stops_the_model() -> None:
    backend = FakeBackend()
    playing = backend.script(TextDelta("{"), anyio.Event())
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, backend)
            await playing.started.wait()
            tasks.cancel_scope.cancel()
    assert playing.stopped.is_set()
    assert len(backend.streams) == 1


@given(st.text(max_size=60), st.text(max_size=60), st.integers())
async def test_an_object_is_found_whatever_stands_before_and_behind(
    before: str, behind: str, number: int
) -> None:
    backend = FakeBackend()
    backend.script(*texts(before.replace("{", ""), json.dumps({"n": number}), behind))
    assert await ask(backend, 10_000) == number


@given(st.text(alphabet='{}[]",:n0123.eE-\\ \n', max_size=80))
async def test_no_text_breaks_it(text: str) -> None:
    found, _ = await ask_twice(*texts(text))
    assert type(found) in (int, NoObject)
