"""One prompt, many samples: it is read once, and its answers are those that come alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")


from acp_agent.engine.host.outputs import Finished, Output, Progress, Queued
from acp_agent.engine.host.ticket import Ticket
from tests.fixtures.prompt_samples import MODELS, PROMPT, alone, is_reading, samples
from tests.fixtures.random_models import (
    Bench,
    expected,
    new_job,
    numbers,
    outputs_of,
    random_gpt_oss,
    random_llama,
    tokens_of,
)

pytestmark = pytest.mark.anyio

OTHER = PROMPT[::-1]
TOOL = {"type": "function", "function": {"name": "f"}}


def end_of(outputs: Sequence[Output]) -> Finished:
    """The end of a whole answer."""
    assert isinstance(outputs[-1], Finished)
    return outputs[-1]


@pytest.mark.parametrize("model", MODELS)
async def test_samples_of_a_prompt_read_it_once_and_say_what_they_say_alone(model: str) -> None:
    bench = Bench(max_sequences=5)
    jobs = samples(bench, 5, model, max_tokens=20)
    bench.run()
    status = bench.scheduler.status()
    assert status["prefilled_tokens"] == len(PROMPT) - 1
    assert status["cached_tokens"] == 4 * (len(PROMPT) - 1)
    told = [await outputs_of(job) for job in jobs]
    cached = [end_of(outputs).figures.cached_tokens for outputs in told]
    assert cached == [0, *[len(PROMPT) - 1] * 4]
    answers = [numbers(outputs) for outputs in told]
    assert answers == [await alone(seed, model, max_tokens=20) for seed in range(5)]
    assert len({tuple(answer) for answer in answers}) == 5


@pytest.mark.parametrize("model", MODELS)
async def test_nothing_of_it_needs_the_cache(model: str) -> None:
    bench = Bench(max_sequences=3)
    bench.request_load(model)
    bench.run()
    bench.loader.caches[model]._memory_limit = 0  # pyright: ignore[reportPrivateUsage]
    jobs = samples(bench, 3, model)
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == len(PROMPT) - 1
    for seed, job in enumerate(jobs):
        assert await tokens_of(job) == await alone(seed, model)


async def test_the_batch_forms_at_once() -> None:
    """All samples are decoded together from the first token of the first on."""
    bench = Bench(max_sequences=5)
    samples(bench, 5)
    bench.begin()
    assert bench.scheduler.status()["decoded_tokens"] == 5


async def test_limits_stops_temperatures_and_sessions_may_differ() -> None:
    bench = Bench(max_sequences=5)
    greedy = expected(random_llama(), PROMPT, 12)
    jobs = [
        bench.submit(PROMPT, max_tokens=3),
        bench.submit(PROMPT, max_tokens=12, prompt_cache_key="s"),
        bench.submit(PROMPT, max_tokens=12, stop=str(greedy[5])),
        bench.submit(PROMPT, max_tokens=5, temperature=1.0, seed=7, user="u"),
    ]
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == len(PROMPT) - 1
    answers = [await tokens_of(job) for job in jobs]
    stopped = greedy[: greedy.index(greedy[5])]
    assert answers[:3] == [greedy[:3], greedy, stopped]
    assert answers[3] == await alone(7, max_tokens=5)


async def test_a_prompt_of_one_token_has_nothing_to_share() -> None:
    bench = Bench(max_sequences=2)
    jobs = [bench.submit([5], "gpt_oss") for _ in range(4)]
    bench.run()
    for job in jobs:
        assert await tokens_of(job) == expected(random_gpt_oss(), [5], 8)


async def test_who_comes_while_it_is_read_joins() -> None:
    bench = Bench()
    first = bench.submit(PROMPT)
    bench.run(lambda: is_reading(bench, 12))
    second = bench.submit(PROMPT)
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == len(PROMPT) - 1
    answer = expected(random_llama(), PROMPT, 8)
    assert [await tokens_of(job) for job in (first, second)] == [answer, answer]


async def test_other_prompts_are_read_in_turns_with_it() -> None:
    bench = Bench()
    jobs = [*samples(bench, 2), bench.submit(OTHER)]
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == 2 * (len(PROMPT) - 1)
    assert await tokens_of(jobs[2]) == expected(random_llama(), OTHER, 8)


async def test_followers_hold_places_and_know_how_far_it_is() -> None:
    """As for its own reading: no place in the queue once it has begun, but progress."""
    bench = Bench(max_sequences=2)
    jobs = [*samples(bench, 2), bench.submit(OTHER)]

    def have_read() -> bool:
        bench.clock.now += 1
        return is_reading(bench, 12)

    bench.run(have_read)
    status = bench.scheduler.status()
    assert (status["active_requests"], status["queued_requests"]) == (2, 1)
    bench.run()
    for job in jobs[:2]:
        outputs = await outputs_of(job)
        read = [each for each in outputs if isinstance(each, Progress) and each.step == "prompt"]
        assert [each.done for each in read] == [4, 8, 12, 16, len(PROMPT)]
        assert {each.total for each in read} == {len(PROMPT)}
        assert not any(isinstance(each, Queued) for each in outputs)
    waited = [each for each in await outputs_of(jobs[2]) if isinstance(each, Queued)]
    assert [each.ahead for each in waited] == [1, 0]


async def test_more_samples_than_places_take_what_the_first_leave() -> None:
    bench = Bench(max_sequences=2)
    jobs = samples(bench, 5)
    bench.run()
    assert bench.scheduler.status()["prefilled_tokens"] == len(PROMPT) - 1
    for seed, job in enumerate(jobs):
        assert await tokens_of(job) == await alone(seed)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("body", "reads"), [({}, 1), ({"prompt_cache_key": "s"}, 2)])
async def test_who_waits_for_a_place_finds_what_was_read(
    model: str, body: dict[str, Any], reads: int
) -> None:
    """Though the one that read it still writes; what a session sent is the session's."""
    bench = Bench(max_sequences=2)
    short = bench.submit([7], model, max_tokens=15)
    jobs = [bench.submit(PROMPT, model, max_tokens=40, **body) for _ in range(2)]
    bench.run()
    assert short.channel.finished
    assert bench.scheduler.status()["prefilled_tokens"] == reads * (len(PROMPT) - 1)
    module = random_llama() if model == "llama" else random_gpt_oss()
    for job in jobs:
        assert await tokens_of(job) == expected(module, PROMPT, 40)


@pytest.mark.parametrize(("model", "known"), [("llama", 20), ("gpt_oss", 19)])
async def test_a_session_that_knows_more_does_not_wait(
    model: str, known: int, tmp_path: Path
) -> None:
    """Its own line, on disk, goes further than the one that reads."""
    bench = Bench(max_sequences=3)
    bench.loader.cache_folder = tmp_path
    bench.submit(PROMPT[:20], model, prompt_cache_key="s", max_tokens=1)
    bench.run()
    bench.loader.caches[model].shrink(0)
    bench.submit(PROMPT, model)
    ahead = bench.submit(PROMPT, model, prompt_cache_key="s")
    bench.run()
    outputs = await outputs_of(ahead)
    assert end_of(outputs).figures.cached_tokens == known
    module = random_llama() if model == "llama" else random_gpt_oss()
    assert numbers(outputs) == expected(module, PROMPT, 8)


async def test_a_parked_answer_holds_nobody_up() -> None:
    bench = Bench()
    slow = bench.submit(PROMPT, limit=4, max_tokens=12)
    bench.run()
    assert bench.model()["parked"] == 1
    later = bench.submit(PROMPT)
    bench.run()
    assert await tokens_of(later) == expected(random_llama(), PROMPT, 8)
    bench.withdraw(slow)


@pytest.mark.parametrize(
    ("body", "same"),
    [
        ({"temperature": 1.0, "seed": 3, "top_p": 0.5, "max_tokens": 2, "stop": "7"}, True),
        ({"user": "u", "return_progress": False}, True),
        ({"tools": [TOOL], "tool_choice": "none"}, True),
        ({"tools": [TOOL]}, False),
        ({"reasoning_effort": "low"}, False),
        ({"prompt_cache_key": "s"}, False),
    ],
)
async def test_what_makes_two_prompts_one(body: dict[str, Any], *, same: bool) -> None:
    first = Ticket(new_job(PROMPT), 0, 0.0)
    assert Ticket(new_job(PROMPT, **body), 1, 0.0).asks_as(first) is same
    assert not Ticket(new_job(OTHER, **body), 1, 0.0).asks_as(first)
