"""Engines that are in the way: of another version, of the first, draining."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import handover
from acp_agent.engine.client import EngineClient
from acp_agent.errors import BackendError
from tests.fixtures.engine_process import PATIENCE, request, text_of
from tests.fixtures.fake_engine import HEALTH, Answer, FakeEngine, delta, ending, sse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


def new_client() -> EngineClient:
    return EngineClient(find_paths(), EngineSettings())


DRAIN = "/v1/engine/drain"


def waiting(chunk: dict[str, Any]) -> str:
    assert chunk.keys() == {"engine_wait"}
    return chunk["engine_wait"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "INTERVAL", 0.01)


@pytest.mark.usefixtures("quick")
class TestAnotherEngineInTheWay:
    """What ``chat`` does until an engine runs that it can use."""

    async def test_other_version_is_drained_while_the_user_waits(self, engine: FakeEngine) -> None:
        engine.health = {**HEALTH, "protocol": 99, "active_requests": 1}
        drain = engine.answers[DRAIN] = Answer((b"{}",))
        engine.answers["hello"] = Answer((delta(content="new"), ending()))
        with anyio.fail_after(PATIENCE):
            async with aclosing(new_client().chat(request())) as chunks:
                assert "another version" in waiting(await anext(chunks))
                assert drain.started.is_set()
                assert not engine.answers["hello"].started.is_set()
                engine.health = {**HEALTH, "draining": True}
                assert "told to leave" in waiting(await anext(chunks))
                engine.health = HEALTH  # the next engine
                assert text_of([chunk async for chunk in chunks]) == "new"

    async def test_waiting_is_said_once(self, engine: FakeEngine) -> None:
        engine.health = {**HEALTH, "protocol": 99}
        engine.answers["hello"] = Answer((ending(),))
        waits: list[str] = []

        async def read() -> None:
            async for chunk in new_client().chat(request()):
                if "engine_wait" in chunk:
                    waits.append(waiting(chunk))

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                for _ in range(3):  # asked anew each time: the first may have gone unheard
                    drain = engine.answers[DRAIN] = Answer((b"{}",))
                    await drain.started.wait()
                engine.health = HEALTH
        assert len(waits) == 1

    async def test_drain_that_fails_is_no_error(self, engine: FakeEngine) -> None:
        engine.health = {**HEALTH, "protocol": 99}
        refused = {"error": {"message": "No.", "code": "model_failed"}}
        engine.answers[DRAIN] = Answer((sse(refused)[6:],), status=500)
        engine.answers["hello"] = Answer((ending(),))
        with anyio.fail_after(PATIENCE):
            async with aclosing(new_client().chat(request())) as chunks:
                assert waiting(await anext(chunks))
                engine.health = HEALTH
                assert [chunk async for chunk in chunks]

    async def test_waiting_can_be_cancelled(self, engine: FakeEngine) -> None:
        engine.health = {**HEALTH, "protocol": 99}
        drain = engine.answers[DRAIN] = Answer((b"{}",))

        async def read() -> None:
            async for chunk in new_client().chat(request()):
                assert waiting(chunk)

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await drain.started.wait()
                tasks.cancel_scope.cancel()

    async def test_that_drains_when_the_prompt_comes_is_waited_for(
        self, engine: FakeEngine
    ) -> None:
        """It began to drain after it was asked how it is; asking once more does no harm."""
        drain = Answer((b"{}",))
        error = {"error": {"message": "", "code": "engine_stopping"}}
        first = engine.answers["hello"] = Answer((sse(error)[6:],), status=503)
        with anyio.fail_after(PATIENCE):
            async with aclosing(new_client().chat(request())) as chunks:

                async def replace() -> None:
                    await first.started.wait()
                    engine.health = {**HEALTH, "draining": True}
                    engine.answers[DRAIN] = drain
                    engine.answers["hello"] = Answer((delta(content="new"), ending()))

                chunk = dict[str, Any]()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(replace)
                    chunk = await anext(chunks)
                assert "told to leave" in waiting(chunk)
                assert drain.started.is_set()
                engine.health = HEALTH
                assert text_of([chunk async for chunk in chunks]) == "new"


OLDEST = {"status": "ok", "protocol": 1, "pid": os.getpid()}


@pytest.mark.usefixtures("quick")
class TestFirstProtocol:
    """An engine of protocol 1 cannot drain; our own process plays it, so signals reach us."""

    async def test_it_is_waited_for_and_ended_only_when_idle(self, engine: FakeEngine) -> None:
        engine.health = {**OLDEST, "active_requests": 1, "queued_requests": 0}
        engine.answers["hello"] = Answer((delta(content="new"), ending()))
        with anyio.fail_after(PATIENCE), anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async with aclosing(new_client().chat(request())) as chunks:
                assert "older version" in waiting(await anext(chunks))
                with anyio.move_on_after(0.2):
                    await anext(signals)
                    pytest.fail("it was told to leave while it answered")
                engine.health = {**OLDEST, "active_requests": 0, "queued_requests": 0}
                chunk = dict[str, Any]()
                async with anyio.create_task_group() as tasks:

                    async def leave() -> None:
                        await anext(signals)
                        engine.health = HEALTH

                    tasks.start_soon(leave)
                    chunk = await anext(chunks)
                rest = [chunk, *[chunk async for chunk in chunks]]
        assert text_of([chunk for chunk in rest if "choices" in chunk]) == "new"

    async def test_process_of_another_container_is_never_signalled(
        self, engine: FakeEngine
    ) -> None:
        engine.health = {**OLDEST, "pid": os.getppid()}
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async with aclosing(new_client().chat(request())) as chunks:
                assert "older version" in waiting(await anext(chunks))
            with anyio.move_on_after(0.1):
                await anext(signals)
                pytest.fail("a process was signalled")

    async def test_drain_says_what_else_there_is(self, engine: FakeEngine) -> None:
        engine.health = {**OLDEST, "active_requests": 1}
        with pytest.raises(BackendError, match="stop --now"):
            await new_client().drain()

    async def test_it_has_no_cache_to_forget(self, engine: FakeEngine) -> None:
        engine.health = OLDEST
        assert not await new_client().forget("session")

    async def test_stop_is_a_signal(self, engine: FakeEngine) -> None:
        engine.health = {**OLDEST, "active_requests": 1}
        with anyio.fail_after(PATIENCE), anyio.open_signal_receiver(signal.SIGTERM) as signals:
            assert await new_client().stop()
            await anext(signals)
