"""The engine client against servers that misbehave."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import client as client_module
from acp_agent.engine.client import EngineClient
from acp_agent.errors import BackendError, BackendUnavailable
from tests.fixtures.engine_process import PATIENCE, request, text_of
from tests.fixtures.fake_engine import Answer, FakeEngine, delta, ending, sse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


async def ask(engine: FakeEngine, answer: Answer) -> str:
    engine.answers["hello"] = answer
    client = EngineClient(find_paths(), EngineSettings())
    with anyio.fail_after(PATIENCE):
        return text_of([chunk async for chunk in client.chat(request()) if "choices" in chunk])


async def test_whole_answer(engine: FakeEngine) -> None:
    assert await ask(engine, Answer((delta(content="one "), delta(content="two"), ending()))) == (
        "one two"
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(cuts=True),
        Answer((delta(content="one"),), cuts=True),
        Answer((delta(content="one"),)),
        Answer((b"data: {nonsense\n\n", ending())),
    ],
    ids=["before the first", "in the middle", "without an end", "no JSON"],
)
async def test_broken_answer_is_explained(engine: FakeEngine, answer: Answer) -> None:
    with pytest.raises(BackendError, match="ended in the middle"):
        await ask(engine, answer)


async def test_error_in_the_middle_keeps_its_words(engine: FakeEngine) -> None:
    failure = sse({"error": {"message": "It broke; try again.", "code": "model_failed"}})
    with pytest.raises(BackendError, match="It broke"):
        await ask(engine, Answer((delta(content="one"), failure)))


async def test_error_without_words_gets_some(engine: FakeEngine) -> None:
    with pytest.raises(BackendError, match="status 500"):
        await ask(engine, Answer((b"<html>",), status=500))


async def test_endless_event_is_refused(engine: FakeEngine) -> None:
    with pytest.raises(BackendError, match="too long"):
        await ask(engine, Answer((b"data: " + b"x" * 2**21,)))


async def test_other_version_is_refused(engine: FakeEngine) -> None:
    engine.health = {**engine.health, "protocol": 2}
    with pytest.raises(BackendUnavailable, match="another version"):
        await ask(engine, Answer((ending(),)))


async def test_engine_that_hangs_is_explained(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEALTH_TIMEOUT", 0.1)
    engine.hangs = True
    with pytest.raises(BackendUnavailable, match="does not answer"):
        await ask(engine, Answer((ending(),)))


def leaving() -> Answer:
    error = {"error": {"message": "", "code": "engine_stopping"}}
    return Answer((sse(error)[6:],), status=503)


async def test_engine_about_to_leave_is_asked_once_more(engine: FakeEngine) -> None:
    first = leaving()

    async def replace() -> None:
        await first.started.wait()
        engine.answers["hello"] = Answer((delta(content="new"), ending()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(replace)
        assert await ask(engine, first) == "new"


async def test_engine_that_leaves_again_is_an_error(engine: FakeEngine) -> None:
    with pytest.raises(BackendUnavailable, match="told to leave"):
        await ask(engine, leaving())


async def test_cancel_as_data_arrives_is_quiet(engine: FakeEngine) -> None:
    """In one of these steps of the loop the waiting read is ready and cancelled at once."""
    loop, failures = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    client = EngineClient(find_paths(), EngineSettings())

    async def read(begun: anyio.Event) -> None:
        async for _ in client.chat(request()):
            begun.set()

    try:
        for steps in range(6):
            begun, go_on = anyio.Event(), anyio.Event()
            answer = Answer((delta(content="one"), go_on, delta(content="two"), anyio.Event()))
            engine.answers["hello"] = answer
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read, begun)
                    await begun.wait()
                    await anyio.wait_all_tasks_blocked()
                    go_on.set()
                    call_after(steps, tasks.cancel_scope.cancel)
                await answer.stopped.wait()
    finally:
        loop.set_exception_handler(None)
    assert failures == []


def call_after(steps: int, call: Callable[[], None]) -> None:
    """Does ``call`` in as many steps of the event loop."""
    if steps:
        asyncio.get_running_loop().call_soon(call_after, steps - 1, call)
    else:
        call()
