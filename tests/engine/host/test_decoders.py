"""Decode steps: alone, together and on the way between."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import BatchKVCache

from acp_agent.engine.host import decoders
from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.decoders import Decoder
from acp_agent.engine.host.loaded import cache_factory, can_batch
from acp_agent.engine.host.sampling import make_sampler
from acp_agent.engine.host.steps import Row
from tests.fixtures.number_format import VOCABULARY
from tests.fixtures.random_models import expected, random_gpt_oss, random_llama

PROMPTS = [[number * 7 + place for place in range(3 + 9 * number)] for number in range(4)]


@pytest.fixture(params=[random_llama, random_gpt_oss])
def module(request: pytest.FixtureRequest) -> Any:
    make: Callable[[], Any] = request.param
    return make()


def new_row(module: Any, prompt: list[int], temperature: float = 0.0) -> Row:
    """A row after ``prompt`` was read."""
    line = Line(None, [], cache_factory(module)())
    if prompt[:-1]:
        module(mx.array([prompt[:-1]]), cache=line.cache)
        line.tokens += prompt[:-1]
    sampler = make_sampler(temperature, 1, 1)
    return Row(line, mx.array(prompt[-1:]), sampler, len(prompt) - 1)


def answer(row: Row) -> list[int]:
    return row.line.tokens[row.origin + 1 :]


def step(decoder: Decoder, count: int) -> None:
    for _ in range(count):
        rows = decoder.rows
        stepped, failed, lost = decoder.step()
        assert set(stepped) == set(rows)
        assert not failed
        assert not lost


def test_moving_between_alone_and_together_changes_no_token(module: Any) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS]
    decoder.add(rows[0])
    step(decoder, 5)
    assert decoder.batched == 0
    decoder.add(rows[1])
    step(decoder, 6)
    assert decoder.batched == 2
    decoder.add(rows[2])
    decoder.add(rows[3])
    step(decoder, 7)
    decoder.remove(rows[0])
    step(decoder, 3)
    decoder.remove(rows[3])
    decoder.remove(rows[1])
    step(decoder, 20)
    assert decoder.batched == 0
    decoder.add(rows[0])
    decoder.add(rows[1])
    step(decoder, 10)
    for row, prompt in zip(rows, PROMPTS, strict=True):
        assert answer(row) == expected(module, prompt, len(answer(row)))
    assert [len(answer(row)) for row in rows] == [27, 25, 39, 9]


def test_together_it_says_what_mlx_lms_batches_say(module: Any) -> None:
    generator: Any = BatchGenerator(module, max_tokens=20)
    numbers = generator.insert([list(prompt) for prompt in PROMPTS])
    said: dict[int, list[int]] = {number: [] for number in numbers}
    while responses := generator.next_generated():
        for response in responses:
            said[response.uid].append(response.token)
    generator.close()
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS]
    for row in rows:
        decoder.add(row)
    step(decoder, 21)
    assert [answer(row) for row in rows] == [said[number] for number in numbers]


def test_caches_that_leave_hold_the_tokens_of_their_line(module: Any) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS]
    for row in rows:
        decoder.add(row)
    step(decoder, 12)
    for row in rows:
        decoder.remove(row)
        fresh = new_row(module, row.line.tokens).line
        module(mx.array([row.line.tokens[-1:]]), cache=fresh.cache)
        probe = mx.array([[1]])
        left, right = module(probe, cache=row.line.cache), module(probe, cache=fresh.cache)
        assert mx.allclose(left, right, atol=1e-3)
        assert [cache.offset for cache in row.line.cache] == [len(row.line.tokens) + 1] * 2
    assert decoder.rows == []


def test_a_batch_of_one_stays_for_a_while(module: Any) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:2]]
    for row in rows:
        decoder.add(row)
    step(decoder, 2)
    decoder.remove(rows[1])
    step(decoder, 3)
    assert decoder.batched == 1
    decoder.add(rows[1])
    step(decoder, 8)
    decoder.remove(rows[1])
    step(decoder, 8)
    assert decoder.batched == 1
    step(decoder, 1)
    assert decoder.batched == 0


def test_models_without_batches_take_turns(module: Any) -> None:
    decoder = Decoder(module, can_batch=False)
    rows = [new_row(module, prompt) for prompt in PROMPTS]
    for row in rows:
        decoder.add(row)
    step(decoder, 9)
    assert decoder.batched == 0
    for row, prompt in zip(rows, PROMPTS, strict=True):
        assert answer(row) == expected(module, prompt, 8)


def test_drawn_tokens_do_not_depend_on_the_company(module: Any) -> None:
    alone = new_row(module, PROMPTS[1], temperature=1)
    single = Decoder(module, can_batch=True)
    single.add(alone)
    step(single, 15)
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt, temperature=1) for prompt in PROMPTS]
    for row in rows:
        decoder.add(row)
        step(decoder, 2)
    step(decoder, 12)
    assert answer(rows[1])[:14] == answer(alone)[:14]


class Poisoned:
    """A model that cannot compute with some tokens, or not with several rows."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.poison = VOCABULARY
        self.most_rows = 99

    def __call__(self, tokens: mx.array, cache: Any) -> mx.array:
        result: mx.array = self.module(tokens, cache=cache)
        if tokens.shape[0] > self.most_rows or mx.any(tokens == self.poison).item():
            raise ValueError("poison")
        return result


def test_alone_a_fault_is_its_own(module: Any) -> None:
    poisoned = Poisoned(module)
    decoder = Decoder(poisoned, can_batch=True)
    row = new_row(module, PROMPTS[0])
    decoder.add(row)
    step(decoder, 3)
    poisoned.poison = int(row.pending.item())
    assert decoder.step() == ([], [row], [])
    assert decoder.rows == []


def test_together_a_fault_may_be_anyones(module: Any) -> None:
    poisoned = Poisoned(module)
    decoder = Decoder(poisoned, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:3]]
    for row in rows:
        decoder.add(row)
    step(decoder, 3)
    said = [answer(row) for row in rows]
    poisoned.poison = expected(module, PROMPTS[2], 3)[2]
    assert decoder.step() == ([], [], rows)
    assert [answer(row) for row in rows] == said
    assert decoder.rows == []
    poisoned.poison = VOCABULARY
    decoder.add(new_row(module, PROMPTS[0]), suspect=True)
    decoder.add(new_row(module, PROMPTS[1]), suspect=True)
    step(decoder, 3)
    assert decoder.batched == 0
    step(decoder, 1)
    assert decoder.batched == 2


def test_batches_that_fail_without_a_culprit_are_given_up(module: Any) -> None:
    poisoned = Poisoned(module)
    poisoned.most_rows = 1
    decoder = Decoder(poisoned, can_batch=can_batch(cache_factory(module)))
    for _ in range(2):
        rows = [new_row(module, prompt) for prompt in PROMPTS[:2]]
        for row in rows:
            decoder.add(row)
        assert decoder.step() == ([], [], rows)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:2]]
    for row in rows:
        decoder.add(row)
    step(decoder, 5)
    assert decoder.batched == 0


def test_failures_long_ago_do_not_count(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "_FORGIVEN_AFTER", 5)
    poisoned = Poisoned(module)
    decoder = Decoder(poisoned, can_batch=True)
    for _ in range(3):
        rows = [new_row(module, prompt) for prompt in PROMPTS[:2]]
        for row in rows:
            decoder.add(row)
        step(decoder, 5)
        assert decoder.batched == 2
        poisoned.most_rows = 1
        assert decoder.step() == ([], [], rows)
        poisoned.most_rows = 99


def no_memory(*args: object) -> None:
    """What mlx raises where memory is out."""
    raise RuntimeError("[malloc] Unable to allocate")


def test_a_row_that_cannot_be_taken_out_takes_the_batch_with_it(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:3]]
    for row in rows:
        decoder.add(row)
    step(decoder, 3)
    with monkeypatch.context() as short:
        short.setattr(BatchKVCache, "extract", no_memory)
        assert decoder.remove(rows[1]) == rows
    assert decoder.rows == []
    assert decoder.step() == ([], [], [])


def test_a_row_that_got_out_is_not_lost_with_the_others(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:3]]
    for row in rows:
        decoder.add(row)
    step(decoder, 3)
    with monkeypatch.context() as short:
        short.setattr(BatchKVCache, "filter", no_memory)
        assert decoder.remove(rows[1]) == [rows[0], rows[2]]
    decoder.add(rows[1])
    step(decoder, 5)
    assert answer(rows[1]) == expected(module, PROMPTS[1], 7)


def test_the_last_of_a_batch_may_be_lost_on_its_way_out(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder(module, can_batch=True)
    rows = [new_row(module, prompt) for prompt in PROMPTS[:2]]
    for row in rows:
        decoder.add(row)
    step(decoder, 2)
    decoder.remove(rows[1])
    step(decoder, 8)
    monkeypatch.setattr(BatchKVCache, "extract", no_memory)
    assert decoder.step() == ([], [], [rows[0]])


def test_no_token_is_in_the_repr_of_a_row(module: Any) -> None:
    row = new_row(module, [1, 2, 87, 3])
    line = row.line
    assert isinstance(line, Line)
    line.checkpoint(stable=True)
    for each in (row, line, *line.checkpoints):
        assert "87" not in repr(each).partition(" at 0x")[0]
        assert "=" not in repr(each)
