"""Reuse changes nothing: logits on a reused line are those of a fresh prefill."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.generate import BatchGenerator
from mlx_lm.models import gpt_oss, llama

from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.cache.store import PromptCache

VOCABULARY = 97
WINDOW = 128
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def gpt() -> Any:
    """A random model of gpt_oss's architecture, with its real window."""
    mx.random.seed(7)
    args = gpt_oss.ModelArgs(
        num_hidden_layers=2,
        num_local_experts=2,
        num_experts_per_tok=1,
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=32,
        head_dim=16,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=WINDOW,
    )
    return _computed(gpt_oss.Model(args))


@pytest.fixture(scope="module")
def full() -> Any:
    """A random llama: full attention only, so that any position can be reached."""
    mx.random.seed(8)
    args = llama.ModelArgs(
        model_type="llama",
        hidden_size=64,
        num_hidden_layers=2,
        intermediate_size=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        rms_norm_eps=1e-5,
        vocab_size=VOCABULARY,
    )
    return _computed(llama.Model(args))


def _computed(model: Any) -> Any:
    mx.eval(model.parameters())  # pyright: ignore[reportUnknownMemberType]
    return model


def words(count: int, seed: int) -> list[int]:
    """Tokens that look random."""
    return [(seed * 31 + index * 37 + index * index * 11) % VOCABULARY for index in range(count)]


def feed(model: Any, line: Line, tokens: Sequence[int], *, step: int = 100) -> mx.array:
    """Computes ``tokens`` on the line; returns their logits [tokens, vocabulary]."""
    found: list[mx.array] = []
    for start in range(0, len(tokens), step):
        chunk = list(tokens[start : start + step])
        found.append(model(mx.array([chunk]), cache=line.cache)[0])
        line.tokens.extend(chunk)
    logits = mx.concatenate(found)
    mx.eval(logits)  # pyright: ignore[reportUnknownMemberType]
    return logits


def fresh(model: Any, tokens: Sequence[int], last: int) -> mx.array:
    """The logits of the last tokens of a prefill from nothing, in one step."""
    return model(mx.array([list(tokens)]), cache=model.make_cache())[0, -last:]


def same(left: mx.array, right: mx.array) -> bool:
    return bool((mx.abs(left - right).max() < TOLERANCE).item())


def make_store(model: Any, folder: Path | None = None) -> PromptCache:
    return PromptCache(
        model.make_cache,
        memory_limit=1 << 30,
        folder=folder,
        disk_limit=1 << 30,
        fingerprint="random",
    )


def run_turn(model: Any, store: PromptCache, key: str, prompt: list[int], stable: int) -> mx.array:
    """Takes, computes the prompt with its checkpoints and gives back; its last logits."""
    line = store.take(key, prompt)
    for stop, is_stable in ((stable, True), (len(prompt) - 1, False)):
        if len(line.tokens) < stop:
            feed(model, line, prompt[len(line.tokens) : stop])
            line.checkpoint(stable=is_stable)
    logits = feed(model, line, prompt[len(line.tokens) :])
    store.put(line)
    return logits[-1]


@pytest.mark.parametrize("history", [1, 40, 126, 127, 128, 129, 255, 256, 257])
def test_coming_back_to_a_checkpoint_changes_nothing(gpt: Any, history: int) -> None:
    # The window is written round and round only once it is full.
    lengths = (1, 130 - history, 131) if history < WINDOW else (1, 2, 30)
    start, answer = words(history, 1), words(lengths[-1], 2)
    line = Line(None, [], gpt.make_cache())
    feed(gpt, line, start)
    line.checkpoint(stable=True)
    written = 0
    for length in lengths:
        feed(gpt, line, answer[written:length], step=1)
        written = length
        back = line.copy(len(line.tokens), None)
        # The same copy again and again: what is restored must not wear off.
        for new, step in ((words(9, 3), 100), (words(3, 4), 1)):
            back.rewind(history)
            assert back.tokens == start
            assert same(feed(gpt, back, new, step=step), fresh(gpt, start + new, len(new)))
    whole = start + answer
    assert same(feed(gpt, line, words(4, 6)), fresh(gpt, whole + words(4, 6), 4))


@pytest.mark.parametrize(("length", "step"), [(5, 1), (127, 50), (128, 1), (128, 50)])
def test_a_line_within_the_window_can_be_cut_anywhere(gpt: Any, length: int, step: int) -> None:
    tokens = words(length, 1)
    whole = Line(None, [], gpt.make_cache())
    feed(gpt, whole, tokens, step=step)
    for limit in (1, length // 2, length - 1):
        line = whole.copy(length, None)
        assert line.reach(limit) == limit
        line.rewind(limit)
        new = words(length - limit + 8, 9) if step > 1 else words(8, 9)
        assert same(feed(gpt, line, new, step=step), fresh(gpt, tokens[:limit] + new, len(new)))


def test_full_attention_can_be_cut_anywhere(full: Any) -> None:
    tokens = words(600, 1)
    line = Line(None, [], _llama_caches(full))
    feed(full, line, tokens)
    for limit in (513, 512, 511, 256, 255, 1):
        assert line.reach(limit) == limit
        copied = line.copy(limit, None)
        line.rewind(limit)
        for each in (copied, line):
            logits = feed(full, each, words(5, 2), step=2)
            assert same(logits, _llama_fresh(full, tokens[:limit] + words(5, 2), 5))
        line.rewind(limit)


def _llama_caches(model: Any) -> list[Any]:
    from mlx_lm.models.cache import make_prompt_cache

    return make_prompt_cache(model)


def _llama_fresh(model: Any, tokens: list[int], last: int) -> mx.array:
    return model(mx.array([tokens]), cache=_llama_caches(model))[0, -last:]


def test_dropped_analysis_and_other_sessions(gpt: Any, tmp_path: Path) -> None:
    """Turns of three sessions, with thoughts that the next prompt leaves out."""
    store = make_store(gpt, tmp_path / "saved")
    system = words(150, 1)
    histories = {key: [*system, *words(60, seed)] for seed, key in enumerate("abc", start=10)}
    for turn in range(3):
        for key, history in histories.items():
            if turn == 2 and key == "b":
                store.flush()
                store = make_store(gpt, tmp_path / "saved")
            prompt = [*history, *words(5, turn)]
            stable = len(system) if turn == 0 else len(history)
            logits = run_turn(gpt, store, key, prompt, stable)
            assert same(logits, fresh(gpt, prompt, 1)[0])
            line = store.take(key, [*prompt, 1])
            assert len(line.tokens) == len(prompt)
            feed(gpt, line, words(30, turn + 50), step=1 if turn else 64)
            store.put(line)
            histories[key] = [*prompt, *words(20, turn + 70)]
    figures = store.figures()
    assert figures["misses"] == 0
    assert figures["loaded"] == 2


@pytest.mark.parametrize("history", [20, 126, 129, 260])
def test_what_comes_out_of_a_batch_can_be_reused(gpt: Any, tmp_path: Path, history: int) -> None:
    store = make_store(gpt, tmp_path / "saved")
    prompts = {"a": words(history, 1), "b": words(140, 2)}
    lines: dict[str, Line] = {}
    for key, prompt in prompts.items():
        lines[key] = store.take(key, prompt)
        feed(gpt, lines[key], prompt[:-1])
        lines[key].checkpoint(stable=True)
    generator: Any = BatchGenerator(gpt, max_tokens=500)
    uids = generator.insert(
        [prompt[-1:] for prompt in prompts.values()],
        caches=[line.cache for line in lines.values()],
        all_tokens=[list(line.tokens) for line in lines.values()],
    )
    for _ in range(12):
        generator.next()
    for uid, key in zip(uids, prompts, strict=True):
        caches, tokens = generator.remove([uid], return_prompt_caches=True)[uid]
        generator.next()
        assert tokens[: len(prompts[key])] == prompts[key]
        assert len(tokens) > len(prompts[key]) + 8
        lines[key].cache, lines[key].tokens = caches, list(tokens)
        store.put(lines[key])
    generator.close()
    for key, prompt in prompts.items():
        written = lines[key].tokens
        for new in ([*written, 5, 6], [*prompt[:-1], *words(30, 3)]):
            line = store.take(key, new)
            assert len(line.tokens) == min(len(written), len(new) - 2) or new[:-30] == line.tokens
            rest = new[len(line.tokens) :]
            assert same(feed(gpt, line, rest), fresh(gpt, new, len(rest)))
            store.put(line)
