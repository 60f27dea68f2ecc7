"""Which line a prompt gets, what is shared, and what goes first."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import cast

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache

from acp_agent.engine.host.cache.line import Line
from tests.engine.host.cache.marked import (
    answer,
    check,
    compute,
    make_caches,
    make_store,
    prefill,
)

SYSTEM = list(range(1, 21))
PROMPT = [*SYSTEM, 50, 51, 52]


def test_an_empty_store_gives_an_empty_line() -> None:
    store = make_store()
    for prompt in ([], [1], PROMPT):
        line = store.take("a", prompt)
        assert (line.key, line.tokens) == ("a", [])
        check(line)
        store.put(line)
    assert store.figures()["lines"] == 0


def test_a_turn_extends_its_sessions_line() -> None:
    store = make_store()
    assert answer(store, "a", PROMPT, stable=[20], said=[60, 61]) == 0
    longer = [*PROMPT, 60, 61, 70, 71]
    line = store.take("a", longer)
    assert line.tokens == longer[:-2]
    check(line)


def test_at_least_one_token_is_left_to_compute() -> None:
    store = make_store()
    answer(store, "a", PROMPT)
    line = store.take("a", PROMPT)
    assert line.tokens == PROMPT[:-1]
    check(line)


def test_dropped_thoughts_lead_back_to_the_checkpoint() -> None:
    store = make_store()
    answer(store, "a", PROMPT, stable=[20, 22], said=range(100, 130))
    for said in (200, 210):
        line = store.take("a", [*PROMPT[:22], said, said + 1])
        assert line.tokens == PROMPT[:22]
        check(line)
        prefill(line, [*PROMPT[:22], said, said + 1])
        compute(line, range(100, 130), step=1)
        store.put(line)


def test_sessions_share_what_they_have_in_common() -> None:
    store = make_store()
    answer(store, "a", PROMPT, stable=[20])
    busy = store.take("a", [*PROMPT, 60])
    line = store.take("b", [*SYSTEM, 70, 71])
    assert line.tokens == SYSTEM
    prefill(line, [*SYSTEM, 70, 71])
    check(line)
    compute(busy, range(90, 110), step=1)
    check(busy)
    again = store.take("c", [*SYSTEM, 80])
    assert again.tokens == SYSTEM
    check(again)


def test_the_shared_beginning_is_kept_once() -> None:
    store = make_store()
    for key in ("a", "b", None, "c"):
        answer(store, key, [*SYSTEM, 50, 51], stable=[20])
    figures = store.figures()
    assert (figures["shared"], figures["sessions"], figures["lines"]) == (1, 3, 5)


def test_another_sessions_line_is_copied_and_stays() -> None:
    store = make_store()
    answer(store, "a", PROMPT, said=[60, 61])
    line = store.take("b", [*PROMPT, 60, 61, 62])
    assert line.tokens == [*PROMPT, 60, 61]
    compute(line, range(100, 120), step=1)
    own = store.take("a", [*PROMPT, 60, 61, 62])
    assert own.tokens == [*PROMPT, 60, 61]
    check(own)


def test_of_equals_the_own_line_is_taken() -> None:
    store = make_store()
    for key in ("a", "b"):
        answer(store, key, PROMPT)
    for line in (store.take("b", [*PROMPT, 1]), store.take("a", [*PROMPT, 1])):
        assert line.tokens == PROMPT
    assert store.figures()["lines"] == 0


def test_the_deepest_line_is_taken_whosever_it_is() -> None:
    store = make_store()
    answer(store, "a", [*SYSTEM, 1], stable=[20])
    answer(store, "b", [*PROMPT, 53])
    line = store.take("a", [*PROMPT, 53, 54])
    assert line.tokens == [*PROMPT, 53]
    store.put(line)
    assert store.figures()["sessions"] == 2


def test_requests_of_nobody_are_reused_too() -> None:
    store = make_store()
    answer(store, None, PROMPT, said=[60])
    assert answer(store, None, [*PROMPT, 60, 61], said=[62]) == len(PROMPT) + 1
    assert store.figures()["lines"] == 1
    assert answer(store, None, [*PROMPT, 60, 99]) == len(PROMPT) + 1
    assert store.figures()["lines"] == 2


def test_what_sessions_share_outlives_requests_of_nobody() -> None:
    store = make_store()
    answer(store, None, [*SYSTEM, 70])
    answer(store, "a", PROMPT, stable=[20])
    assert answer(store, None, [*SYSTEM, 70, 71]) == len(SYSTEM) + 1
    assert store.figures()["shared"] == 1


def test_full_attention_is_cut_anywhere() -> None:
    store = make_store(caches=lambda: [KVCache()])
    answer(store, "a", PROMPT)
    line = store.take("b", [*PROMPT[:7], 99])
    assert line.tokens == PROMPT[:7]
    check(line)


def test_a_line_of_a_failed_step_is_kept_as_far_as_it_goes() -> None:
    store = make_store()
    line = store.take("a", PROMPT)
    prefill(line, PROMPT, stable=[20])
    line.cache[0].offset += 1
    store.put(line)
    assert store.take("a", PROMPT).tokens == SYSTEM


def test_a_line_that_mlx_cannot_compute_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store()
    answer(store, "a", PROMPT)
    line = store.take("a", [*PROMPT, 60])

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(mx, "eval", fail)
        store.put(line)
    assert store.figures()["lines"] == 0
    assert store.take("a", PROMPT).tokens == []


def test_a_line_that_cannot_be_restored_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store()
    answer(store, "a", PROMPT, stable=[20])
    evaluate = cast("Callable[..., None]", mx.eval)  # pyright: ignore[reportUnknownMemberType]
    calls: list[object] = []

    def fail_once(arrays: object) -> None:
        calls.append(arrays)
        if len(calls) == 1:
            raise RuntimeError("unreadable")
        evaluate(arrays)

    monkeypatch.setattr(mx, "eval", fail_once)
    line = store.take("a", [*PROMPT, 60])
    assert line.tokens == SYSTEM
    assert store.figures()["sessions"] == 0


def test_only_lines_in_use_are_taken_back() -> None:
    store = make_store()
    stray = Line("a", [], make_caches())
    compute(stray, PROMPT)
    store.put(stray)
    assert store.figures()["lines"] == 0
    line = store.take("a", PROMPT)
    prefill(line, PROMPT)
    store.put(line)
    store.put(line)
    assert store.figures()["lines"] == 1


def test_the_least_recently_used_goes_first() -> None:
    probe = make_store()
    answer(probe, "x", PROMPT)
    size = probe.figures()["bytes"]
    store = make_store(memory_limit=3 * size)
    for key in ("a", "b", "c"):
        answer(store, key, [ord(key), *PROMPT[1:]])
    assert answer(store, "a", [ord("a"), *PROMPT[1:]]) > 0
    answer(store, "d", [ord("d"), *PROMPT[1:]])
    figures = store.figures()
    assert (figures["sessions"], figures["evicted"]) == (3, 1)
    assert figures["bytes"] <= figures["bytes_limit"]
    kept = {key for key in "abcd" if store.take(key, [ord(key), *PROMPT[1:]]).tokens}
    assert kept == {"a", "c", "d"}


def test_what_is_copied_from_counts_as_used() -> None:
    store = make_store()
    answer(store, "a", PROMPT, stable=[20])
    answer(store, "b", [99, *PROMPT])
    store.take("c", [*SYSTEM, 70, 71])
    store.shrink(store.figures()["bytes"] // 2)
    assert store.figures()["shared"] == 1


def test_the_line_just_used_is_evicted_with_its_note(tmp_path: Path) -> None:
    store = make_store(tmp_path / "saved", memory_limit=0)
    answer(store, "a", PROMPT)
    store.set_note("a", "what was said")
    assert store.figures()["bytes"] == 0
    assert store.note("a") == "what was said"
    assert store.take("a", [*PROMPT, 60]).tokens == PROMPT


def test_shrinking_saves_sessions_and_frees_memory(tmp_path: Path) -> None:
    store = make_store(tmp_path / "saved")
    answer(store, "a", PROMPT, stable=[20])
    answer(store, None, PROMPT)
    store.set_note("a", "note")
    store.shrink(0)
    assert (store.figures()["bytes"], store.figures()["saved"]) == (0, 1)
    assert store.note("a") == "note"


def test_a_note_lives_with_its_line() -> None:
    store = make_store()
    assert store.note("a") is None
    assert store.note(None) is None
    store.set_note("a", "nobody's")
    store.set_note(None, "nobody's")
    assert store.note("a") is None
    line = store.take("a", PROMPT)
    store.set_note("a", "in use")
    assert store.note("a") == "in use"
    prefill(line, PROMPT)
    store.put(line)
    assert store.note("a") == "in use"
    store.set_note("a", "said")
    assert store.note("a") == "said"
    store.shrink(0)
    assert store.note("a") is None


def test_a_note_of_a_line_that_never_came_back_goes() -> None:
    store = make_store()
    line = store.take("a", PROMPT)
    store.set_note("a", "in use")
    del line
    gc.collect()
    answer(store, "b", PROMPT)
    assert store.note("a") is None


def test_a_forgotten_session_leaves_nothing(tmp_path: Path) -> None:
    store = make_store(tmp_path / "saved")
    for key in ("a", "b"):
        answer(store, key, PROMPT, said=[60, 61])
        store.set_note(key, "note")
    store.flush()
    line = store.take("a", [*PROMPT, 60, 61, 62])
    assert line.tokens[-1] == 61
    store.forget("a")
    compute(line, [62])
    store.put(line)
    store.set_note("a", "too late")
    store.flush()
    assert store.note("a") is None
    assert [path.stat().st_size > 0 for path in (tmp_path / "saved").iterdir()] == [True]
    assert store.take("b", [*PROMPT, 60, 61, 62]).tokens == [*PROMPT, 60, 61]
    assert store.figures()["lines"] == 0
