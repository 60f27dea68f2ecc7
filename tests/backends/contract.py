"""The contract suite: what every backend must do, whatever stands behind it.

Owns the tests of ``backends/base.Backend``. Does not own the terms in which a model is
told what to do (``harness``), nor how a backend's harness brings it to do so.

A backend's test module supplies the harness and takes over the tests:

    @pytest.fixture
    async def harness() -> AsyncGenerator[BackendHarness]: ...

    class TestContract(BackendContract):
        pass
"""

from contextlib import aclosing

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Notice,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.errors import BackendError
from tests.backends.harness import (
    FLOOD_COUNT,
    FLOOD_SIZE,
    BackendHarness,
    Fail,
    Flood,
    Hang,
    Prepared,
    Say,
    Script,
    Think,
    collect,
    next_text,
    text_of,
)

PATIENCE = 20.0
"""Seconds after which a test is taken to hang."""


class BackendContract:
    """The tests; to be inherited beside a fixture ``harness``."""

    pytestmark = pytest.mark.anyio

    async def test_probe_tells_what_can_be_run(self, harness: BackendHarness) -> None:
        with anyio.fail_after(PATIENCE):
            readiness = await harness.backend.probe()
        assert readiness.ready, readiness.reason
        ids = [model.id for model in readiness.models]
        assert readiness.default_model in ids
        assert len(ids) == len(set(ids))
        for model in readiness.models:
            levels = model.thought_levels
            assert model.thought_default in levels if levels else model.thought_default is None

    async def test_names_are_fit_to_be_shown(self, harness: BackendHarness) -> None:
        backend = harness.backend
        assert backend.id
        assert backend.name.isascii()
        assert backend.description
        assert "\n" not in backend.description

    async def test_events_come_in_order(self, harness: BackendHarness) -> None:
        thoughts = (Think("Let me "), Think("see.")) if harness.thinks else ()
        script = Script((*thoughts, Say("Paris"), Say(" it is")), usage=(12, 5))
        prepared = harness.prepare(script)
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(prepared.request))
        told = [event for event in events if not isinstance(event, Progress | Notice)]
        assert isinstance(told[-1], Done)
        assert isinstance(events[-1], Done)
        assert sum(isinstance(event, Done) for event in events) == 1
        assert sum(isinstance(event, Usage) for event in told[:-2]) == 0
        deltas = [event for event in told if isinstance(event, TextDelta | ThoughtDelta)]
        assert all(event.text for event in deltas)
        assert text_of(events) == prepared.text
        thought = [event.text for event in deltas if isinstance(event, ThoughtDelta)]
        assert "".join(thought) == ("Let me see." if harness.thinks else "")
        firsts = [type(event) for event in deltas]
        assert firsts == sorted(firsts, key=lambda kind: kind is TextDelta)

    @pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "refusal"])
    async def test_stop_reason_is_told(self, harness: BackendHarness, reason: StopReason) -> None:
        if reason not in harness.stop_reasons:
            pytest.skip(f"the model behind it never ends with {reason}")
        prepared = harness.prepare(Script((Say("so far"),), stop_reason=reason))
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(prepared.request))
        assert events[-1] == Done(reason)

    async def test_empty_stream_is_an_answer(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script())
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(prepared.request))
        assert isinstance(events[-1], Done)
        assert not [event for event in events if isinstance(event, TextDelta | ThoughtDelta)]

    async def test_characters_are_never_cut(self, harness: BackendHarness) -> None:
        steps = (Say("dîner à "), Say("東京 🍣 "), Say("👩‍👩‍👧 fin"))
        prepared = harness.prepare(Script(steps, split=True))
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(prepared.request))
        assert text_of(events) == prepared.text
        for event in events:
            if isinstance(event, TextDelta):
                event.text.encode("utf-8", "strict")
                assert "\N{REPLACEMENT CHARACTER}" not in event.text

    async def test_cancel_before_the_first_event(self, harness: BackendHarness) -> None:
        events = await self._cancelled(harness, harness.prepare(Script((Hang(),))))
        assert not [event for event in events if isinstance(event, TextDelta | Done)]
        await self._works(harness)

    async def test_cancel_in_the_middle(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script((Say("one"), Hang(), Say("two"))))
        events = await self._cancelled(harness, prepared)
        assert text_of(events) == "one"
        await self._works(harness)

    async def test_closing_between_two_events_stops_the_model(
        self, harness: BackendHarness
    ) -> None:
        prepared = harness.prepare(Script((Say("one"), Hang(), Say("two"))))
        stream = harness.backend.stream(prepared.request)
        with anyio.fail_after(PATIENCE):
            assert await next_text(stream) == "one"
            await stream.aclose()
            await prepared.source.wait_stopped()
        await self._works(harness)

    async def test_closing_an_unused_stream_asks_no_model(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script((Say("one"),)))
        with anyio.fail_after(PATIENCE):
            await harness.backend.stream(prepared.request).aclose()
        assert not prepared.source.has_started()
        await self._works(harness)

    async def test_closing_after_the_last_event(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script((Say("one"),)))
        stream = harness.backend.stream(prepared.request)
        with anyio.fail_after(PATIENCE):
            async for event in stream:
                if isinstance(event, Done):
                    break
            await stream.aclose()
            assert await anext(stream, None) is None
            await prepared.source.wait_stopped()
        await self._works(harness)

    async def test_cancel_after_the_last_event(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script((Say("one"),)))
        events: list[Event] = []
        with anyio.fail_after(PATIENCE), anyio.CancelScope() as scope:
            async with aclosing(harness.backend.stream(prepared.request)) as stream:
                async for event in stream:
                    events.append(event)
                    if isinstance(event, Done):
                        scope.cancel()
        assert isinstance(events[-1], Done)
        await self._works(harness)

    @pytest.mark.parametrize("before", [(), (Say("one"),)], ids=["first", "middle"])
    async def test_failing_model_is_a_backend_error(
        self, harness: BackendHarness, before: tuple[Say, ...]
    ) -> None:
        prepared = harness.prepare(Script((*before, Fail())))
        events: list[Event] = []
        with anyio.fail_after(PATIENCE), pytest.raises(BackendError) as raised:
            await collect(harness.backend.stream(prepared.request), events)
        assert raised.value.message.strip()
        assert "Traceback" not in raised.value.message
        assert text_of(events) == "".join(step.text for step in before)
        assert not any(isinstance(event, Done) for event in events)
        await self._works(harness)

    async def test_slow_consumer_holds_the_model_back(self, harness: BackendHarness) -> None:
        prepared = harness.prepare(Script((Flood(),)))
        stream = harness.backend.stream(prepared.request)
        with anyio.fail_after(3 * PATIENCE):
            taken = await next_text(stream)
            produced = await prepared.source.settled()
            assert produced <= harness.read_ahead < FLOOD_COUNT * FLOOD_SIZE
            rest = await collect(stream)
        assert taken + text_of(rest) == prepared.text
        assert isinstance(rest[-1], Done)

    async def test_two_streams_at_once(self, harness: BackendHarness) -> None:
        prepared = [harness.prepare(Script((Say(f"{n}a"), Say(f"{n}b")))) for n in (1, 2)]
        streams = [harness.backend.stream(each.request) for each in prepared]
        with anyio.fail_after(PATIENCE):
            texts = [await next_text(stream) for stream in streams]
            rests = [await collect(stream) for stream in streams]
        for each, first, rest in zip(prepared, texts, rests, strict=True):
            assert first + text_of(rest) == each.text
            assert isinstance(rest[-1], Done)

    async def test_stopping_one_stream_leaves_the_other(self, harness: BackendHarness) -> None:
        stopped = harness.prepare(Script((Say("one"), Hang())))
        kept = harness.prepare(Script((Say("two"), Say("more"))))
        first = harness.backend.stream(stopped.request)
        second = harness.backend.stream(kept.request)
        with anyio.fail_after(PATIENCE):
            await next_text(first)
            taken = await next_text(second)
            await first.aclose()
            await stopped.source.wait_stopped()
            rest = await collect(second)
        assert taken + text_of(rest) == kept.text

    async def test_closing_the_backend_twice_is_harmless(self, harness: BackendHarness) -> None:
        await self._works(harness)
        with anyio.fail_after(PATIENCE):
            await harness.backend.aclose()
            await harness.backend.aclose()

    async def _cancelled(self, harness: BackendHarness, prepared: Prepared) -> list[Event]:
        """The events that came before a cancel while the model hung."""
        events: list[Event] = []
        stream = harness.backend.stream(prepared.request)
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(collect, stream, events)
                await prepared.source.wait_started()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            await prepared.source.wait_stopped()
        return events

    async def _works(self, harness: BackendHarness) -> None:
        """The backend is none the worse for what was done to it."""
        prepared = harness.prepare(Script((Say("still "), Say("here"))))
        with anyio.fail_after(PATIENCE):
            events = await collect(harness.backend.stream(prepared.request))
        assert text_of(events) == prepared.text
        assert isinstance(events[-1], Done)
