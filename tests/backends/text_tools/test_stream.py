"""A stream whose calls are text."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import anyio
import pytest

from acp_agent.backends.base import (
    Backend,
    Done,
    Event,
    ModelRequest,
    Notice,
    Readiness,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.backends.text_tools import recover_calls, stream_with_text_tools
from acp_agent.backends.text_tools.spelling import FORMAT
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from tests.backends.contract import BackendContract
from tests.backends.harness import Prepared, Script, collect
from tests.backends.test_fake import FakeHarness
from tests.backends.text_tools.offered import TOOLS, summary
from tests.fixtures.fake_backend import FakeBackend

pytestmark = pytest.mark.anyio

PATIENCE = 10.0
CALL = 'TOOL: read_file\nARGUMENTS: {"path": "a.py"}\n'
ASKED = ModelRequest((UserMessage("hi"),), "fake-1", tools=TOOLS)


@dataclass(slots=True)
class ToldInWords:
    """The backend ``fake``, whose model is told of tools in words."""

    fake: FakeBackend
    id: str = "told"
    name: str = "Told"
    description: str = "Has tools"

    async def probe(self) -> Readiness:
        return await self.fake.probe()

    def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        return stream_with_text_tools(self.fake, replace(request, tools=TOOLS))

    async def aclose(self) -> None:
        await self.fake.aclose()


@dataclass(slots=True)
class ToldHarness:
    """Plays the contract's scripts on the fake behind it."""

    backend: Backend
    fake: FakeHarness
    thinks: bool = FakeHarness.thinks
    read_ahead: int = FakeHarness.read_ahead
    stop_reasons: frozenset[StopReason] = FakeHarness.stop_reasons

    def prepare(self, script: Script) -> Prepared:
        return self.fake.prepare(script)


class TestContract(BackendContract):
    """A backend keeps the contract when its model is told in words."""

    @pytest.fixture
    def harness(self) -> ToldHarness:
        fake = FakeBackend()
        return ToldHarness(ToldInWords(fake), FakeHarness(fake))


async def run(backend: FakeBackend, request: ModelRequest = ASKED) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        return await collect(stream_with_text_tools(backend, request))


async def test_calls_in_the_text_are_calls() -> None:
    backend = FakeBackend()
    backend.script(
        ThoughtDelta("hm"),
        TextDelta("I look.\nTO"),
        Notice("slow"),
        TextDelta("OL: read_file\nARGUM"),
        TextDelta('ENTS: {"path": "a.py"}'),
        Usage(10, 5),
        Done(),
    )
    events = await run(backend)
    assert [type(event) for event in events] == [
        ThoughtDelta,
        TextDelta,
        Notice,
        ToolCallStarted,
        ToolCallRequested,
        Usage,
        Done,
    ]
    read = summary(events)
    assert read.visible == "I look.\n"
    assert read.calls == [("read_file", '{"path": "a.py"}', "")]
    (stream,) = backend.streams
    assert stream.request is not None
    assert stream.request.tools == ()
    assert FORMAT in stream.request.instructions


async def test_without_tools_nothing_is_told_or_read() -> None:
    backend = FakeBackend()
    backend.script(TextDelta(CALL), Done())
    request = ModelRequest((UserMessage("hi"),), "fake-1", instructions="I")
    assert await run(backend, request) == [TextDelta(CALL), Done()]
    assert backend.streams[0].request == request


async def test_an_invented_result_ends_the_answer() -> None:
    backend = FakeBackend()
    stream = backend.script(
        TextDelta(CALL), TextDelta("RESULT of"), TextDelta(" read_file:\nx"), anyio.Event()
    )
    events = await run(backend)
    assert summary(events).calls == [("read_file", '{"path": "a.py"}', "")]
    assert summary(events).visible == ""
    assert events[-1] == Done()
    assert stream.stopped.is_set()


@pytest.mark.parametrize("reason", ["max_tokens", "end_turn"])
async def test_a_call_at_the_limit_is_not_made(reason: str) -> None:
    backend = FakeBackend()
    done = Done("max_tokens" if reason == "max_tokens" else "end_turn")
    backend.script(TextDelta(CALL.rstrip()[:-1]), done)
    events = await run(backend)
    ((_, _, fault),) = summary(events).calls
    assert bool(fault) == (reason == "max_tokens")
    assert events[-1] == done


@pytest.mark.parametrize(
    ("said", "visible"),
    [("I look.\nTOOL: read", "I look.\nTOOL: read"), (f"I look.\n{CALL[:40]}", "I look.\n")],
    ids=["perhaps a call", "half a call"],
)
async def test_an_error_lets_out_what_was_held_back(said: str, visible: str) -> None:
    backend = FakeBackend()
    backend.script(TextDelta(said), BackendError("gone"))
    events: list[Event] = []
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError, match="gone"):
        await collect(stream_with_text_tools(backend, ASKED), events)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == visible
    assert not any(isinstance(event, ToolCallRequested | Done) for event in events)


async def test_a_stream_that_breaks_off_has_no_end() -> None:
    async def broken() -> AsyncGenerator[Event, None]:
        yield TextDelta("so far {")

    with anyio.fail_after(PATIENCE):
        events = await collect(recover_calls(broken(), TOOLS))
    assert summary(events).visible == "so far {"
    assert not any(isinstance(event, Done) for event in events)


async def test_closing_closes_the_model() -> None:
    backend = FakeBackend()
    stream = backend.script(TextDelta("one"), anyio.Event())
    events = stream_with_text_tools(backend, ASKED)
    with anyio.fail_after(PATIENCE):
        assert await anext(events) == TextDelta("one")
        await events.aclose()
    assert stream.stopped.is_set()
