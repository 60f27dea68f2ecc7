"""The engine client against servers that misbehave."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

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


async def test_engine_about_to_leave_is_asked_once_more(engine: FakeEngine) -> None:
    leaving = Answer((sse({"error": {"message": "", "code": "engine_stopping"}})[6:],), status=503)
    with pytest.raises(BackendUnavailable, match="told to leave"):
        await ask(engine, leaving)


async def test_cancel_as_data_arrives_is_quiet(engine: FakeEngine) -> None:
    """Ends as many reads as it takes to meet one that has just become ready."""
    client = EngineClient(find_paths(), EngineSettings())
    for _ in range(30):
        engine.answers["hello"] = Answer(tuple(delta(content="x" * 50) for _ in range(200)))
        with anyio.fail_after(PATIENCE), anyio.CancelScope() as scope:
            async with aclosing(client.chat(request())) as chunks:
                async for _ in chunks:
                    scope.cancel()
        await engine.answers["hello"].stopped.wait()
