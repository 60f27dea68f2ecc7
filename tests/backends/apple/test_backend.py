"""The apple backend against the contract, and how it treats an SDK that blocks."""

import gc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import anyio
import pytest

from acp_agent.backends.apple import backend as module
from acp_agent.backends.apple.backend import CROWD, AppleBackend
from acp_agent.backends.base import Done, Event, TextDelta
from acp_agent.errors import BackendError, ModelNotInstalled
from tests.backends.apple.harness import AppleHarness, ask, backend_on, run, wait
from tests.backends.contract import BackendContract
from tests.backends.harness import collect, next_text, text_of
from tests.fixtures.fake_apple_model import PATIENCE, FakeMac, Hold

pytestmark = pytest.mark.anyio


@pytest.fixture
async def harness() -> AsyncGenerator[AppleHarness]:
    harness = AppleHarness()
    yield harness
    await harness.backend.aclose()


@pytest.fixture
def mac() -> FakeMac:
    return FakeMac()


@pytest.fixture
async def backend(mac: FakeMac) -> AsyncGenerator[AppleBackend]:
    backend = backend_on(mac)
    yield backend
    await backend.aclose()


class TestContract(BackendContract):
    """The backend keeps the contract."""


async def test_agent_goes_on_while_the_sdk_blocks(backend: AppleBackend, mac: FakeMac) -> None:
    answer = mac.script("hi", "one", Hold(), "one two")
    async with aclosing(backend.stream(ask())) as stream:
        assert await next_text(stream) == "one"
        await wait(answer.waiting)
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        assert not answer.is_overdue
        assert not answer.ended.is_set()
        answer.let_go()
        assert text_of(await collect(stream)) == " two"
    assert not answer.is_overdue


async def test_cancel_returns_while_the_sdk_blocks(backend: AppleBackend, mac: FakeMac) -> None:
    """The agent does not wait; the model is stopped at its next snapshot."""
    first, second = Hold(), Hold()
    answer = mac.script("hi", first, "one", second, "one two")
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask()))
            await wait(answer.waiting)
            tasks.cancel_scope.cancel()
        assert not answer.ended.is_set()
        first.let_go.set()
        await wait(answer.ended)
    assert answer.was_cancelled
    assert answer.taken == "one"
    assert not answer.is_overdue


async def test_callback_outlives_a_stream_that_is_stopped(
    backend: AppleBackend, mac: FakeMac
) -> None:
    hold = Hold()
    answer = mac.script("hi", "one", hold, "one two", Hold())
    async with aclosing(backend.stream(ask())) as stream:
        await next_text(stream)
    hold.let_go.set()
    await wait(answer.ended)
    assert answer.was_paused
    await backend.aclose()
    assert gc.isenabled()


async def test_stopped_answers_do_not_pile_up(backend: AppleBackend, mac: FakeMac) -> None:
    held = [mac.script(f"{n}", "one", Hold(), "one two") for n in range(CROWD)]
    for n in range(CROWD):
        async with aclosing(backend.stream(ask(f"{n}"))) as stream:
            await next_text(stream)
    mac.script("hi", "here")
    with pytest.raises(BackendError, match="still busy"):
        await run(backend, ask())
    for answer in held:
        answer.let_go()
        await wait(answer.ended)
    await backend.aclose()
    assert text_of(await run(backend, ask())) == "here"


async def test_ended_answers_are_no_crowd(
    backend: AppleBackend, mac: FakeMac, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long their threads take to end."""

    def always(self: object) -> bool:
        return True

    monkeypatch.setattr(module.ModelThread, "is_running", always)
    for _ in range(3 * CROWD):
        mac.script("hi", "here")
        assert text_of(await run(backend, ask())) == "here"


async def test_each_answer_has_a_thread_of_its_own(backend: AppleBackend, mac: FakeMac) -> None:
    for n in range(2):
        mac.script(f"{n}", "here")
        await run(backend, ask(f"{n}"))
    threads = {session.thread for session in mac.sessions}
    assert len(threads) == 2
    assert all(thread.daemon for thread in threads)


async def test_model_that_writes_nothing_is_given_up(
    backend: AppleBackend, mac: FakeMac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALL_LIMIT", 0.05)
    answer = mac.script("hi", "one", Hold(), "one two")
    events: list[Event] = []
    with pytest.raises(BackendError, match=r"written nothing for 0\.05 s"):
        await collect(backend.stream(ask()), events)
    assert events == [TextDelta("one")]
    answer.let_go()


async def test_closing_the_backend_is_bounded(
    backend: AppleBackend, mac: FakeMac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_LIMIT", 0.05)
    answer = mac.script("hi", "one", Hold())
    async with aclosing(backend.stream(ask())) as stream:
        await next_text(stream)
        with anyio.fail_after(PATIENCE / 2):
            await backend.aclose()
    assert not answer.ended.is_set()
    answer.let_go()


async def test_other_model_is_not_replaced(backend: AppleBackend) -> None:
    with pytest.raises(ModelNotInstalled, match="apple-on-device"):
        await run(backend, replace(ask(), model="apple-huge"))


async def test_done_is_told_once_and_last(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("hi", "one")
    events = await run(backend, ask())
    assert [event for event in events if isinstance(event, Done)] == [events[-1]]
