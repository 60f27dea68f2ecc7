"""The order of answers, their ends and their caches. No torch is needed."""

from typing import Any

import pytest

from acp_agent.engine.host.memory.pressure import Pressure
from acp_agent.engine.host.outputs import Finished, Output, Progress, Queued
from tests.fixtures.fake_mythos import (
    ALPHABET,
    PROMPT,
    WINDOW,
    Bench,
    end_of,
    error_of,
    outputs_of,
    text_of,
    told,
)

pytestmark = pytest.mark.anyio


async def test_whole_answer() -> None:
    bench = Bench()
    job = bench.submit()
    bench.run()
    text, finished = await end_of(job)
    figures = finished.figures
    assert (text, finished.reason) == (ALPHABET, "stop")
    assert (figures.prompt_tokens, figures.completion_tokens) == (PROMPT, 27)
    assert (figures.n_loops, figures.context_size, figures.cached_tokens) == (4, WINDOW, 0)
    assert bench.models[0].reads[:2] == [(PROMPT, 0, 4), (1, PROMPT, 4)]
    status = bench.scheduler.status()
    assert (status["prefilled_tokens"], status["decoded_tokens"]) == (PROMPT, 27)
    assert status["models"][0]["state"] == status["state"] == "ready"


async def test_limit_of_tokens_cuts() -> None:
    bench = Bench()
    jobs = [bench.submit(max_tokens=3), bench.submit(max_completion_tokens=1)]
    bench.run()
    for job, text in zip(jobs, ("abc", "a"), strict=True):
        shown, finished = await end_of(job)
        assert (shown, finished.reason) == (text, "length")


@pytest.mark.parametrize(
    ("content", "wanted", "tokens"),
    [("hi", 10_000, 150), ("hi", None, 150), ("x" * 150, 10_000, 33), ("x" * 150, 7, 7)],
)
async def test_window_and_model_bound_the_answer(
    content: str, wanted: int | None, tokens: int
) -> None:
    bench = Bench(endless=True)
    job = bench.submit(content, limit=1000, max_tokens=wanted)
    bench.run()
    text, finished = await end_of(job)
    assert (len(text), finished.reason) == (tokens, "length")
    assert finished.figures.completion_tokens == tokens


async def test_prompt_beyond_the_window_is_refused() -> None:
    bench = Bench()
    job = bench.submit("x" * WINDOW)
    bench.run()
    error = await error_of(job)
    assert (error.status, error.code) == (400, "context_length_exceeded")
    assert error.figures == {"prompt_tokens": WINDOW + PROMPT - 2, "context_size": WINDOW}


async def test_next_prompt_of_a_session_is_read_from_where_it_differs() -> None:
    bench = Bench()
    bench.submit(prompt_cache_key="s", max_tokens=4)
    bench.run()
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ab"},
        {"role": "user", "content": "so"},
    ]
    job = bench.submit(messages=messages, prompt_cache_key="s", max_tokens=1)
    bench.models[0].reads.clear()
    bench.run()
    figures = (await end_of(job))[1].figures
    assert figures.cached_tokens == PROMPT
    assert bench.models[0].reads[0] == (1, PROMPT, 4)
    assert len(bench.models[0].reads) == figures.prompt_tokens - PROMPT
    assert bench.scheduler.status()["cached_tokens"] == PROMPT


@pytest.mark.parametrize(
    "other", [{"prompt_cache_key": "t"}, {"mythos": {"n_loops": 9}}, {"prompt_cache_key": None}]
)
async def test_other_session_or_depth_has_another_cache(other: dict[str, Any]) -> None:
    bench = Bench()
    bench.submit(prompt_cache_key="s", max_tokens=4)
    bench.run()
    fields: dict[str, Any] = {"prompt_cache_key": "s", "max_tokens": 1, **other}
    job = bench.submit(**fields)
    bench.run()
    assert (await end_of(job))[1].figures.cached_tokens == 0
    assert len(bench.models) == 1


async def test_forgotten_session_is_read_anew() -> None:
    bench = Bench()
    bench.submit(prompt_cache_key="s", max_tokens=4)
    bench.run()
    bench.scheduler.forget("s")
    job = bench.submit(prompt_cache_key="s", max_tokens=1)
    bench.run()
    assert (await end_of(job))[1].figures.cached_tokens == 0


async def test_long_prompt_goes_in_one_by_one_after_the_first_part() -> None:
    bench = Bench()
    job = bench.submit("x" * 150, max_tokens=1, return_progress=True)
    bench.step(8)
    assert bench.models[0].reads[:2] == [(100, 0, 4), (1, 100, 4)]
    bench.run()
    outputs = await outputs_of(job)
    assert isinstance(outputs[-1], Finished)
    total = outputs[-1].figures.prompt_tokens
    assert Progress("load", 2, 2) in outputs
    assert Progress("prompt", 100, total) in outputs
    assert Progress("prompt", total, total) in outputs


async def test_answers_take_turns_token_by_token() -> None:
    bench = Bench()
    jobs = [bench.submit(max_tokens=number) for number in (3, 5)]
    bench.step(3)
    order: list[int] = []
    for _ in range(3):
        before = [len(job.channel._items) for job in jobs]  # pyright: ignore[reportPrivateUsage]
        bench.step()
        order += [len(job.channel._items) - at for job, at in zip(jobs, before, strict=True)]  # pyright: ignore[reportPrivateUsage]
    assert 0 not in order[:4]
    bench.run()
    assert [(await end_of(job))[0] for job in jobs] == ["abc", "abcde"]


async def test_withdrawn_answer_ends_at_the_next_token() -> None:
    bench = Bench()
    job, other = bench.submit(prompt_cache_key="s"), bench.submit()
    bench.step(6)
    job.channel.abandon()
    bench.scheduler.withdraw(job)
    assert job.channel.finished
    assert bench.scheduler.status()["decoded_tokens"] > 0
    bench.run()
    assert (await end_of(other))[0] == ALPHABET
    again = bench.submit(prompt_cache_key="s", max_tokens=1)
    bench.run()
    assert (await end_of(again))[1].figures.cached_tokens == PROMPT - 1


async def test_abandoned_answer_is_not_waited_for() -> None:
    bench = Bench()
    job = bench.submit()
    bench.step(4)
    job.channel.abandon()
    bench.run()
    assert len(bench.models[0].reads) < 4
    gone = bench.submit()
    assert gone.channel.abandoned is False


async def test_slow_reader_is_waited_for_and_loses_nothing() -> None:
    bench = Bench()
    slow, quick = bench.submit(limit=5), bench.submit()
    bench.run()
    assert (await end_of(quick))[0] == ALPHABET
    status = bench.scheduler.status()
    assert (status["parked_requests"], status["active_requests"]) == (1, 1)
    text, rounds = "", 0
    outputs: list[Output] = []
    while not outputs or not isinstance(outputs[-1], Finished):
        outputs = await outputs_of(slow)
        text, rounds = text + text_of(outputs), rounds + 1
        bench.scheduler.resume(slow)
        bench.run()
    assert (text, rounds) == (ALPHABET, 6)
    assert outputs[-1].figures.completion_tokens == 27
    assert sum(count for count, *_ in bench.models[0].reads) == 2 * (PROMPT + 26)
    assert bench.scheduler.status()["models"][0]["cache"]["lines"] == 0


async def test_parked_answer_can_be_withdrawn() -> None:
    bench = Bench()
    slow = bench.submit(limit=5)
    bench.run()
    assert bench.scheduler.status()["models"][0]["cache"]["lines"] == 1
    bench.scheduler.withdraw(slow)
    bench.run()
    status = bench.scheduler.status()
    assert (status["active_requests"], status["models"][0]["cache"]["lines"]) == (0, 0)


async def test_parked_answer_is_not_counted_with_another_model() -> None:
    bench = Bench()
    bench.submit(limit=5)
    bench.run()
    [own] = bench.scheduler.status()["models"]
    bench.submit(variant="other")
    bench.run()
    status = bench.scheduler.status()
    [other] = status["models"]
    assert (own["state"], own["parked"], own["sequences"]) == ("busy", 1, 1)
    assert (other["id"], other["state"], other["parked"], other["sequences"]) == (
        "other",
        "ready",
        0,
        0,
    )
    assert (status["parked_requests"], status["active_requests"]) == (1, 1)


async def test_session_of_a_parked_answer_that_ends_keeps_its_cache() -> None:
    bench = Bench()
    slow = bench.submit(limit=5, prompt_cache_key="s")
    bench.run()
    bench.scheduler.withdraw(slow)
    again = bench.submit(prompt_cache_key="s", max_tokens=1)
    bench.run()
    assert (await end_of(again))[1].figures.cached_tokens == PROMPT - 1


async def test_fault_of_one_answer_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    first, second = bench.submit(), bench.submit()
    bench.step(5)
    faults = iter([RuntimeError("private")])

    def fail() -> None:
        if (fault := next(faults, None)) is not None:
            raise fault

    bench.models[0].on_read = fail
    bench.run()
    error = await error_of(first)
    assert (error.code, "private" in error.message) == ("model_failed", False)
    assert (await end_of(second))[0] == ALPHABET
    assert "private" in caplog.text


async def test_fault_of_a_step_ends_all_and_the_next_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    job = bench.submit()
    bench.step(4)

    def fail(now: float) -> Pressure:
        monkeypatch.undo()
        raise RuntimeError

    monkeypatch.setattr(bench.guard, "look", fail)
    bench.run()
    assert (await error_of(job)).code == "model_failed"
    assert bench.scheduler.status()["models"] == []
    again = bench.submit(max_tokens=1)
    bench.run()
    assert (await end_of(again))[0] == "a"


async def test_places_in_the_queue_are_told() -> None:
    bench = Bench(max_sequences=1)
    jobs = [bench.submit(max_tokens=2, return_progress=True) for _ in range(3)]
    bench.run()
    outputs = [await outputs_of(job) for job in jobs]
    queued = [[each for each in told(some) if isinstance(each, Queued)] for some in outputs]
    assert queued[2] == [Queued(2), Queued(1), Queued(0)]
    assert queued[0] == []


async def test_end_of_everything() -> None:
    bench = Bench()
    jobs = [bench.submit(), bench.submit(variant="other"), bench.submit(limit=3)]
    bench.step(9)
    bench.scheduler.close()
    assert all(job.channel.finished for job in jobs)
    assert bench.scheduler.status()["models"] == []
    assert bench.guard.released
