"""Copies of a line in use, for others that want the same prompt."""

from pathlib import Path

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from mlx_lm.models.cache import KVCache

from acp_agent.engine.host.cache import layers
from acp_agent.engine.host.cache.line import Line
from tests.engine.host.cache.marked import answer, check, compute, make_store, prefill

PROMPT = list(range(1, 24))


def test_a_branch_holds_the_same_and_goes_its_own_way() -> None:
    store = make_store()
    line = store.take("a", PROMPT)
    prefill(line, PROMPT, [20])
    branches = [store.branch(line, key) for key in ("b", None)]
    for place, each in enumerate((line, *branches)):
        compute(each, [PROMPT[-1], 60 + place, 70 + place, 80 + place], step=1)
    for place, each in enumerate((line, *branches)):
        assert each.tokens == [*PROMPT, 60 + place, 70 + place, 80 + place]
        check(each)
        store.put(each)
    assert [each.key for each in branches] == ["b", None]
    again = store.take("b", [*PROMPT, 61, 9])
    assert again.tokens == PROMPT[:22]
    check(again)


def test_branches_count_as_reused_and_only_they_are_taken_back() -> None:
    store = make_store(memory_limit=0)
    line = store.take(None, PROMPT)
    prefill(line, PROMPT)
    store.put(store.branch(line, None))
    figures = store.figures()
    assert (figures["hits"], figures["reused_tokens"], figures["lines"]) == (1, 22, 1)


def test_a_kept_copy_serves_those_who_come_while_the_line_is_in_use() -> None:
    store = make_store()
    line = store.take(None, PROMPT)
    prefill(line, PROMPT)
    store.keep_copy(line)
    compute(line, [PROMPT[-1], 60, 61], step=1)
    later = store.take(None, PROMPT)
    assert later.tokens == PROMPT[:-1]
    check(later)
    check(line)
    store.put(line)
    assert (store.figures()["lines"], store.figures()["hits"]) == (1, 1)


def test_a_copy_that_cannot_be_kept_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store()
    line = store.take(None, PROMPT)
    store.keep_copy(line)
    prefill(line, PROMPT)

    def fail(*args: object) -> None:
        raise RuntimeError("[malloc] Unable to allocate")

    monkeypatch.setattr(Line, "copy", fail)
    store.keep_copy(line)
    assert store.figures()["lines"] == 0


def test_reach_tells_what_take_would_give() -> None:
    store = make_store()
    answer(store, "a", PROMPT, stable=[20], said=range(100, 130))
    for key in ("a", "b", None):
        for prompt in (PROMPT, [*PROMPT[:21], 9], [9, *PROMPT], PROMPT[:20]):
            reach = store.reach(key, prompt)
            line = store.take(key, prompt)
            assert reach == len(line.tokens)
            store.put(line)


def test_reach_looks_at_saved_lines_too(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    answer(store, "a", PROMPT)
    store.flush()
    assert make_store(tmp_path).reach("a", [*PROMPT, 9]) == len(PROMPT)


def test_layers_of_no_known_kind_are_copied_whole() -> None:
    class Unknown(KVCache):
        pass

    line = Line(None, [], [Unknown()])
    compute(line, PROMPT)
    assert layers.kind_of(line.cache[0]) == "other"
    copy = line.copy(len(line.tokens), None)
    compute(copy, [60], step=1)
    compute(line, [70], step=1)
    for each in (copy, line):
        check(each)
