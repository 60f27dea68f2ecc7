"""The fake backend keeps the contract that real ones are held to, and the suite its own.

The second half breaks the fake on purpose: a suite that a broken backend passes is none.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from tests.backends.contract import BackendContract
from tests.backends.harness import (
    BackendHarness,
    Fail,
    Flood,
    Prepared,
    Say,
    Script,
    Step,
    Think,
    expected_text,
    piece,
)
from tests.fixtures.fake_backend import FakeBackend, Playing
from tests.fixtures.fake_backend import Step as FakeStep


class FakeSource:
    """The contract's view of a played script."""

    def __init__(self, playing: Playing) -> None:
        self._playing = playing

    def has_started(self) -> bool:
        return self._playing.started.is_set()

    async def wait_started(self) -> None:
        await self._playing.started.wait()

    async def wait_stopped(self) -> None:
        await self._playing.stopped.wait()

    async def settled(self) -> int:
        texts = [event.text for event in self._playing.yielded if isinstance(event, TextDelta)]
        return sum(map(len, texts))


class FakeHarness:
    """Plays the contract's scripts on a fake backend."""

    thinks = True
    read_ahead = 100_000
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens", "refusal"})

    def __init__(self, backend: FakeBackend) -> None:
        self.backend = backend
        self._count = 0

    def prepare(self, script: Script) -> Prepared:
        self._count += 1
        prompt = f"prompt {self._count}"
        steps = [event for step in script.steps for event in events_of(step)]
        if script.usage:
            steps.append(Usage(*script.usage))
        playing = self.backend.script(*steps, Done(script.stop_reason), prompt=prompt)
        request = ModelRequest((UserMessage(prompt),), "fake-1")
        return Prepared(request, FakeSource(playing), expected_text(script))


def events_of(step: Step) -> list[FakeStep]:
    if isinstance(step, Say):
        return [TextDelta(step.text)]
    if isinstance(step, Think):
        return [ThoughtDelta(step.text)]
    if isinstance(step, Flood):
        return [TextDelta(piece(index, step.size)) for index in range(step.count)]
    if isinstance(step, Fail):
        return [BackendError(step.message)]
    return [anyio.Event()]


@pytest.fixture
def harness() -> FakeHarness:
    return FakeHarness(FakeBackend())


class TestContract(BackendContract):
    """The fake keeps the contract."""


ContractTest = Callable[[BackendContract, BackendHarness], Awaitable[None]]


class TwiceDone(FakeBackend):
    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        async for event in super().stream(request):
            yield event
            if isinstance(event, Done):
                yield event


class EmptyDeltas(FakeBackend):
    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        yield TextDelta("")
        async for event in super().stream(request):
            yield event


class Deaf(FakeBackend):
    """Runs the model on although nobody listens any more."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        self.streams.append(playing := self._next(request))
        playing.started.set()
        for step in playing.steps:
            if isinstance(step, anyio.Event):
                await step.wait()
            elif not isinstance(step, Exception):
                yield step


class Greedy(FakeBackend):
    """Reads the whole answer before it hands out the first piece."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        for event in [event async for event in super().stream(request)]:
            yield event


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (TwiceDone, BackendContract.test_events_come_in_order),
        (EmptyDeltas, BackendContract.test_empty_stream_is_an_answer),
        (EmptyDeltas, BackendContract.test_events_come_in_order),
        (Deaf, BackendContract.test_closing_between_two_events_stops_the_model),
        (Deaf, BackendContract.test_cancel_in_the_middle),
        (Greedy, BackendContract.test_slow_consumer_holds_the_model_back),
    ],
)
async def test_suite_sees_a_broken_backend(
    broken: type[FakeBackend], test: ContractTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.backends.contract.PATIENCE", 0.5)
    with pytest.raises((AssertionError, TimeoutError)):
        await test(BackendContract(), FakeHarness(broken()))
