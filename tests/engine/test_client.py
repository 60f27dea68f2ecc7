"""The engine client against scripted engines: broken answers and small calls."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest
from filelock import FileLock

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import connection
from acp_agent.engine.client import EngineClient
from acp_agent.engine.launch import lock_file
from acp_agent.engine.saved_prompts import saved_file
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
    with anyio.fail_after(PATIENCE):
        return text_of(
            [chunk async for chunk in new_client().chat(request()) if "choices" in chunk]
        )


def new_client() -> EngineClient:
    return EngineClient(find_paths(), EngineSettings())


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


async def test_engine_that_hangs_is_explained(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEALTH_TIMEOUT", 0.1)
    engine.hangs = True
    with pytest.raises(BackendUnavailable, match="`acp-agent engine stop --now`"):
        await ask(engine, Answer((ending(),)))


def refusal() -> Answer:
    error = {"error": {"message": "", "code": "engine_stopping"}}
    return Answer((sse(error)[6:],), status=503)


async def test_engine_about_to_leave_is_asked_once_more(engine: FakeEngine) -> None:
    first = refusal()

    async def replace() -> None:
        await first.started.wait()
        engine.answers["hello"] = Answer((delta(content="new"), ending()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(replace)
        assert await ask(engine, first) == "new"


async def test_engine_that_leaves_again_is_an_error(engine: FakeEngine) -> None:
    with pytest.raises(BackendUnavailable, match="told to leave"):
        await ask(engine, refusal())


async def test_cancel_as_data_arrives_is_quiet(engine: FakeEngine) -> None:
    """In one of these steps of the loop the waiting read is ready and cancelled at once."""
    loop, failures = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    client = new_client()

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


class TestSmallCalls:
    """All but answers."""

    async def test_status(self, engine: FakeEngine) -> None:
        engine.answers["/v1/engine/status"] = Answer((b'{"state": "idle"}',))
        assert await new_client().status() == {"state": "idle"}

    async def test_load_streams_until_it_is_loaded(self, engine: FakeEngine) -> None:
        progress = {"load_progress": {"processed": 1, "total": 2}}
        steps = (sse(progress), sse({"loaded": "tiny"}))
        answer = engine.answers["/v1/models/load"] = Answer((*steps, b"data: [DONE]\n\n"))
        with anyio.fail_after(PATIENCE):
            chunks = [chunk async for chunk in new_client().load("tiny")]
        assert chunks == [progress, {"loaded": "tiny"}]
        assert answer.body == {"model": "tiny"}

    async def test_load_that_fails_says_why(self, engine: FakeEngine) -> None:
        error = {"error": {"message": "Close some windows.", "code": "memory_short"}}
        engine.answers["/v1/models/load"] = Answer((sse(error)[6:],), status=503)
        with pytest.raises(BackendUnavailable, match="Close some windows"):
            _ = [chunk async for chunk in new_client().load("tiny")]

    async def test_unload_and_forget(self, engine: FakeEngine) -> None:
        unload = engine.answers["/v1/models/unload"] = Answer((b"{}",))
        forget = engine.answers["/v1/caches/forget"] = Answer((b"{}",))
        assert await new_client().unload("tiny")
        assert await new_client().forget("session")
        assert unload.body == {"model": "tiny"}
        assert forget.body == {"prompt_cache_key": "session"}

    async def test_without_an_engine_a_sessions_files_are_forgotten(self) -> None:
        folder = find_paths().prompt_caches
        folder.mkdir(parents=True)
        kept, forgotten = (saved_file(folder, key, "model") for key in ("other", "session"))
        kept.touch()
        forgotten.touch()
        assert not await new_client().forget("session")
        assert list(folder.iterdir()) == [kept]

    async def test_drain_and_stop(self, engine: FakeEngine) -> None:
        drain = engine.answers["/v1/engine/drain"] = Answer((b"{}",))
        stop = engine.answers["/v1/engine/stop"] = Answer((b"{}",))
        assert await new_client().drain()
        assert drain.started.is_set()
        assert not stop.started.is_set()
        assert await new_client().stop()
        assert stop.started.is_set()

    async def test_refusal_keeps_its_words(self, engine: FakeEngine) -> None:
        error = {"error": {"message": "The model answers somebody.", "code": "model_busy"}}
        engine.answers["/v1/models/unload"] = Answer((sse(error)[6:],), status=409)
        with pytest.raises(BackendError, match="answers somebody"):
            await new_client().unload("tiny")


async def test_no_engine_runs_so_nothing_is_asked() -> None:
    client = new_client()
    assert await client.health() is None
    assert await client.status() is None
    for asked in (client.unload("tiny"), client.forget("session"), client.drain(), client.stop()):
        assert not await asked
    assert not await client.kill()
    assert not find_paths().runtime.exists()


async def test_engine_that_left_before_the_prompt_came_may_be_replaced() -> None:
    async with connection.connect(find_paths().engine_socket) as pool:
        with pytest.raises(connection.EngineLeaving, match="just left"):
            await connection.send(pool, "/v1/chat/completions", request())


async def test_listener_of_another_user_gets_nothing(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await new_client().health() is not None
    monkeypatch.setattr(os, "getuid", lambda: 0 if os.geteuid() else 1)
    assert await new_client().health() is None


async def test_an_engine_that_is_about_to_end_is_waited_for() -> None:
    """Its socket has gone, its lock is still held."""
    socket = find_paths().engine_socket
    socket.parent.mkdir(parents=True)
    lock = FileLock(lock_file(socket))
    lock.acquire()
    with anyio.move_on_after(0.2):
        await new_client().wait_ended(1)
        pytest.fail("it has not ended")
    lock.release()
    with anyio.fail_after(PATIENCE):
        await new_client().wait_ended(1)
