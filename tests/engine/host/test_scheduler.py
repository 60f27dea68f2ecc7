"""The scheduler's answers: as mlx_lm gives them one by one, whatever else runs."""

from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host.cache.store import PromptCache
from acp_agent.engine.host.outputs import Failed, Finished, Progress, Text
from acp_agent.engine.host.ticket import Ticket
from tests.fixtures.number_format import VOCABULARY
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

MODULES: dict[str, Any] = {"llama": random_llama, "gpt_oss": random_gpt_oss}


def prompt_of(number: int, length: int = 11) -> list[int]:
    """A prompt unlike those of other numbers."""
    return [(number * 17 + place * place * 5) % VOCABULARY for place in range(1, length + 1)]


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
async def test_one_answer_is_mlx_lms(model: str) -> None:
    bench, prompt = Bench(), prompt_of(1, 30)
    job = bench.submit(prompt, model, max_tokens=40)
    bench.run()
    assert await tokens_of(job) == expected(MODULES[model](), prompt, 40)


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
async def test_answers_together_are_those_alone(model: str) -> None:
    bench, module = Bench(), MODULES[model]()
    prompts = [prompt_of(number, 5 + 7 * number) for number in range(4)]
    lengths = [40, 12, 25, 33]
    jobs: list[Any] = []
    for prompt, length in zip(prompts, lengths, strict=True):
        jobs.append(bench.submit(prompt, model, max_tokens=length))
        bench.step(7)
    bench.run()
    for job, prompt, length in zip(jobs, prompts, lengths, strict=True):
        assert await tokens_of(job) == expected(module, prompt, length)


async def test_what_is_read_meanwhile_does_not_hold_answers_up() -> None:
    bench = Bench()
    first = bench.submit(max_tokens=60, limit=200)
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] >= 2)
    bench.submit(prompt_of(3, 80), max_tokens=2)
    before = bench.scheduler.status()
    bench.step(10)
    after = bench.scheduler.status()
    assert after["decoded_tokens"] - before["decoded_tokens"] == 10
    assert after["prefilled_tokens"] - before["prefilled_tokens"] == 10 * bench.loader.prefill_step
    bench.run()
    assert len(await tokens_of(first)) == 60


async def test_prompts_are_read_in_turns() -> None:
    bench = Bench()
    jobs = [bench.submit(prompt_of(number, 33)) for number in (1, 2)]

    def have_read() -> bool:
        bench.clock.now += 1
        return bench.scheduler.status()["prefilled_tokens"] == 40

    bench.run(have_read)
    for job in jobs:
        told = [each for each in await job.channel.receive() if isinstance(each, Progress)]
        assert [each.done for each in told if each.step == "prompt"] == [4, 8, 12, 16, 20]
    bench.run()


async def test_models_take_turns_in_reading() -> None:
    bench = Bench()
    for model in ("llama", "gpt_oss"):
        bench.request_load(model)
    bench.run()
    jobs = [bench.submit(prompt_of(1, 61), model, max_tokens=2) for model in ("llama", "gpt_oss")]
    bench.run(lambda: jobs[0].channel.finished)
    assert bench.scheduler.status()["prefilled_tokens"] > 110
    bench.run()


async def test_figures_and_progress_tell_what_was_done() -> None:
    bench = Bench()
    bench.loader.context_size = 100
    job = bench.submit(prompt_of(1, 10), max_tokens=3)
    bench.run(lambda: bench.scheduler.status()["active_requests"] == 1)
    bench.clock.now += 2
    bench.run()
    outputs = await outputs_of(job)
    loads = [each for each in outputs if isinstance(each, Progress) and each.step == "load"]
    reads = [each for each in outputs if isinstance(each, Progress) and each.step == "prompt"]
    assert (loads[0].done, loads[0].total) == (0, 0)
    assert (loads[-1].done, loads[-1].total) == (200, 200)
    assert (reads[-1].done, reads[-1].total) == (10, 10)
    end = outputs[-1]
    assert isinstance(end, Finished)
    figures = end.figures
    assert (end.reason, figures.prompt_tokens, figures.completion_tokens) == ("length", 10, 3)
    assert (figures.context_size, figures.cached_tokens) == (100, 0)
    assert figures.prompt_seconds == 2
    assert figures.memory_peak > 0
    status = bench.scheduler.status()
    assert (status["decoded_tokens"], status["prefilled_tokens"]) == (3, 9)


async def test_the_second_turn_reads_what_is_new_only() -> None:
    bench, prompt = Bench(), prompt_of(1, 20)
    first = bench.submit(prompt, "gpt_oss", prompt_cache_key="s")
    bench.run()
    longer = [*prompt, *await tokens_of(first), 3, 4, 5]
    second = bench.submit(longer, "gpt_oss", prompt_cache_key="s")
    bench.run()
    outputs = await outputs_of(second)
    assert numbers(outputs) == expected(random_gpt_oss(), longer, 8)
    end = outputs[-1]
    assert isinstance(end, Finished)
    assert end.figures.cached_tokens == 28
    assert bench.scheduler.status()["cached_tokens"] == 28
    assert bench.loader.caches["gpt_oss"].note("s") == "2"


@pytest.mark.parametrize(("model", "chunks"), [("llama", 7), ("gpt_oss", 8)])
async def test_sessions_share_the_first_message(model: str, chunks: int) -> None:
    """Chunks end where it ends only where the cache could not be cut there later."""
    bench, first = Bench(), prompt_of(1, 22)
    steps: list[int] = []

    def note_steps() -> bool:
        steps.append(bench.scheduler.status()["prefilled_tokens"])
        return False

    bench.submit([*first, 5, 6, 7, 8, 9, 10, 11], model, prompt_cache_key="a", split=22)
    bench.run(note_steps)
    assert len({count for count in steps if count}) == chunks
    bench.scheduler.forget("a")
    prompt = [*first, 50, 51, 52]
    job = bench.submit(prompt, model, prompt_cache_key="b", split=22)
    bench.run()
    assert await tokens_of(job) == expected(MODULES[model](), prompt, 8)
    assert bench.scheduler.status()["cached_tokens"] == 22


async def test_an_end_token_ends_it() -> None:
    bench, answer = Bench(), expected(random_llama(), prompt_of(2), 8)
    job = bench.submit(prompt_of(2), stop=str(answer[4]))
    bench.run()
    outputs = await outputs_of(job)
    assert numbers(outputs) == answer[: answer.index(answer[4])]
    assert isinstance(outputs[-1], Finished)
    assert outputs[-1].reason == "stop"


async def test_the_window_ends_it() -> None:
    bench = Bench()
    bench.loader.context_size = 15
    fits = bench.submit(prompt_of(1, 10), max_tokens=50)
    full = bench.submit(prompt_of(1, 15))
    bench.run()
    assert len(await tokens_of(fits)) == 5
    [*_, failed] = await outputs_of(full)
    assert isinstance(failed, Failed)
    assert failed.error.code == "context_length_exceeded"
    assert failed.error.figures == {"prompt_tokens": 15, "context_size": 15}


@pytest.mark.parametrize("token", [VOCABULARY, -1])
async def test_tokens_that_the_model_lacks_are_refused(token: int) -> None:
    bench = Bench()
    bad, good = bench.submit([1, token, 2]), bench.submit()
    bench.run()
    [*_, failed] = await outputs_of(bad)
    assert isinstance(failed, Failed)
    assert failed.error.status == 400
    assert len(await tokens_of(good)) == 8


async def test_seeded_answers_are_the_same_alone_and_in_company() -> None:
    async def ask(others: int, seed: int) -> list[int]:
        bench = Bench()
        for number in range(others):
            bench.submit(prompt_of(number), temperature=1, max_tokens=30)
            bench.step(3)
        job = bench.submit(temperature=1, top_p=0.9, seed=seed, max_tokens=20)
        bench.run()
        return await tokens_of(job)

    alone = await ask(0, 1)
    assert alone == await ask(3, 1)
    assert alone != await ask(0, 2)


async def test_cancel_while_reading_keeps_what_was_read() -> None:
    bench, prompt = Bench(), prompt_of(1, 60)
    job = bench.submit(prompt, prompt_cache_key="s")
    bench.run(lambda: bench.scheduler.status()["prefilled_tokens"] >= 20)
    bench.withdraw(job)
    read = bench.scheduler.status()["prefilled_tokens"]
    assert bench.step() != 0
    assert bench.scheduler.status()["prefilled_tokens"] == read
    assert bench.scheduler.status()["active_requests"] == 0
    again = bench.submit(prompt, prompt_cache_key="s")
    bench.run()
    assert await tokens_of(again) == expected(random_llama(), prompt, 8)
    assert bench.scheduler.status()["cached_tokens"] == read


@pytest.mark.parametrize("others", [0, 2])
async def test_cancel_while_answering_stops_at_once(others: int) -> None:
    bench = Bench()
    rest = [bench.submit(prompt_of(number), max_tokens=30) for number in range(others)]
    job = bench.submit(prompt_of(9), max_tokens=1000, limit=2000, prompt_cache_key="s")
    seen: list[Any] = []

    def answered() -> bool:
        seen.append(bench.scheduler.status()["decoded_tokens"])
        return seen[-1] >= 10 * (others + 1)

    bench.run(answered)
    bench.withdraw(job)
    decoded = bench.scheduler.status()["decoded_tokens"]
    bench.step()
    assert bench.scheduler.status()["decoded_tokens"] == decoded + others
    bench.run()
    for number, each in enumerate(rest):
        assert await tokens_of(each) == expected(random_llama(), prompt_of(number), 30)
    assert bench.loader.caches["llama"].note("s") == "1"


async def test_cancel_is_seen_without_being_told() -> None:
    bench = Bench()
    job = bench.submit(max_tokens=1000, limit=2000)
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] > 5)
    job.channel.abandon()
    bench.step()
    assert bench.scheduler.status()["active_requests"] == 0


async def test_nothing_to_do_is_no_work() -> None:
    bench = Bench()
    assert bench.step() is None
    job = bench.submit()
    bench.run()
    assert [each for each in await outputs_of(job) if isinstance(each, Text)]
    assert bench.step() == 5.0


@pytest.mark.parametrize("model", ["llama", "gpt_oss"])
async def test_a_line_that_comes_to_a_stable_place_is_shared_from_there(model: str) -> None:
    bench, start = Bench(), prompt_of(1, 4)
    bench.submit([*start, 9], model, prompt_cache_key="a", max_tokens=1)
    bench.run()
    bench.submit([*start, 50, 51], model, prompt_cache_key="a", split=4, max_tokens=1)
    bench.run()
    assert bench.scheduler.status()["cached_tokens"] == 4
    assert bench.loader.caches[model].figures()["shared"] == 1


async def test_no_prompt_is_in_a_repr() -> None:
    job = new_job([81, 82, 83])
    for each in (job, Ticket(job, 0, 0.0)):
        assert "81" not in repr(each).partition(" at 0x")[0]
        assert "=" not in repr(each)


async def test_caches_know_whether_answers_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving what they evict would hold up all models' answers."""
    told: list[bool] = []

    def note(cache: PromptCache, is_busy: bool) -> None:
        told.append(is_busy)

    monkeypatch.setattr(PromptCache, "set_busy", note)
    bench = Bench()
    bench.request_load("gpt_oss")
    bench.run()
    told.clear()
    bench.submit(max_tokens=3)
    bench.run(lambda: bench.scheduler.status()["decoded_tokens"] == 2)
    assert told[-2:] == [True, True]
    bench.run()
    assert told[-2:] == [False, False]
