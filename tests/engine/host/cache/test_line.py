"""A line: checkpoints, going back, copies, and what is left after a failure."""

import copy
from collections import UserList
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import (
    ArraysCache,
    CacheList,
    ChunkedKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
)

from acp_agent.engine.host.cache import layers
from acp_agent.engine.host.cache.line import Line, common_prefix
from tests.engine.host.cache.marked import WINDOW, check, compute, make_caches


def make_line(length: int, *, step: int = 3) -> Line:
    line = Line("key", [], make_caches())
    compute(line, range(length), step=step)
    return line


@pytest.mark.parametrize("length", range(1, 2 * WINDOW + 2))
@pytest.mark.parametrize("step", [1, 3, 20])
def test_a_line_comes_back_to_its_checkpoint(length: int, step: int) -> None:
    line = make_line(length, step=step)
    line.checkpoint(stable=True)
    for written in (1, WINDOW - 1, WINDOW, 2 * WINDOW + 1):
        compute(line, range(100, 100 + written), step=1)
        check(line)
        assert line.reach(length) == length
        line.rewind(length)
        assert line.tokens == list(range(length))
        check(line)


def test_only_positions_that_hold_are_reached() -> None:
    line = make_line(10)
    line.checkpoint(stable=True)
    compute(line, range(10, 30))
    line.checkpoint(stable=False)
    compute(line, range(30, 40))
    reached = {limit: line.reach(limit) for limit in (9, 10, 11, 29, 30, 39, 40, 50)}
    assert reached == {9: 0, 10: 10, 11: 10, 29: 10, 30: 30, 39: 30, 40: 40, 50: 40}


def test_a_line_that_left_the_window_cannot_be_cut() -> None:
    assert [make_line(WINDOW).reach(limit) for limit in (1, WINDOW - 1)] == [1, WINDOW - 1]
    assert [make_line(WINDOW + 1).reach(limit) for limit in (1, WINDOW)] == [0, 0]


def test_a_checkpoint_within_the_window_reaches_all_before_it() -> None:
    line = make_line(WINDOW)
    line.checkpoint(stable=True)
    compute(line, range(100, 120))
    assert [line.reach(limit) for limit in range(1, WINDOW + 2)] == [*range(1, WINDOW + 1), WINDOW]
    line.rewind(5)
    check(line)
    assert line.checkpoints == []


@pytest.mark.parametrize("position", [4, 10, 30])
def test_a_copy_leaves_the_original_alone(position: int) -> None:
    line = make_line(4)
    line.checkpoint(stable=True)
    compute(line, range(4, 10))
    line.checkpoint(stable=True)
    compute(line, range(10, 30), step=1)
    other = line.copy(position, "other")
    assert other.key == "other"
    compute(other, range(50, 80), step=1)
    check(line)
    check(other)
    compute(line, range(90, 120), step=1)
    check(line)
    check(other)
    other.rewind(4)
    line.rewind(10)
    check(line)
    check(other)
    assert other.tokens == line.tokens[:4]


def test_checkpoints_are_bounded() -> None:
    line = make_line(2)
    for position in range(3, 40):
        compute(line, [position])
        line.checkpoint(stable=position % 3 == 0)
    kept = [(each.position, each.stable) for each in line.checkpoints]
    stable = [(position, True) for position in (3, 24, 27, 30, 33, 36, 39)]
    assert kept == [*stable[:-1], (38, False), stable[-1]]
    before = line.checkpoints
    line.checkpoint(stable=False)
    assert line.checkpoints == before


def test_a_place_that_turns_out_stable_is_kept_as_such() -> None:
    line = make_line(12)
    line.checkpoint(stable=False)
    line.checkpoint(stable=True)
    assert [(each.position, each.stable) for each in line.checkpoints] == [(12, True)]


def test_the_size_counts_reserve_and_checkpoints() -> None:
    line = make_line(12)
    row = 2 * 2 * 2
    live = 2 * (WINDOW - 1 + 3) + 256
    assert line.nbytes == live * row
    line.checkpoint(stable=True)
    assert line.nbytes == (live + 2 * WINDOW) * row


def test_settling_gives_back_room() -> None:
    line = make_line(1000, step=50)
    line.checkpoint(stable=True)
    compute(line, range(200))
    line.rewind(1000)
    before = line.nbytes
    assert line.settle()
    assert line.nbytes < before
    check_positions(line)
    small = make_line(20)
    compute(small, range(2, 4), step=1)
    room = small.cache[1].keys.shape[2]
    assert small.settle()
    assert small.cache[1].keys.shape[2] == room
    check(small)


def check_positions(line: Line) -> None:
    assert {cache.offset for cache in line.cache} == {len(line.tokens)}
    assert [cache.keys.shape[2] for cache in line.cache] == [WINDOW, 1000, WINDOW]


def test_a_checkpoint_needs_caches_in_step() -> None:
    line = make_line(12)
    line.tokens.append(5)
    with pytest.raises(ValueError, match="does not hold"):
        line.checkpoint(stable=True)
    with pytest.raises(ValueError, match="does not hold"):
        Line(None, [], make_caches()).checkpoint(stable=True)


def test_tokens_that_were_not_computed_are_dropped() -> None:
    line = make_line(12)
    line.tokens.extend([1, 2, 3])
    assert line.settle()
    assert line.tokens == list(range(12))
    check(line)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_step_that_broke_off_falls_back_to_the_checkpoint(layer: int) -> None:
    line = make_line(12)
    line.checkpoint(stable=True)
    compute(line, range(50, 70))
    whole = list(line.cache)
    line.cache = whole[layer : layer + 1]
    compute(line, [70])
    line.cache = whole
    assert line.settle()
    assert line.tokens == list(range(12))
    check(line)


def test_without_a_checkpoint_such_a_line_is_useless() -> None:
    line = make_line(12)
    del line.tokens[11:]
    assert not line.settle()
    assert not Line(None, [], make_caches()).settle()
    line = make_line(12)
    line.checkpoint(stable=True)
    compute(line, range(9))
    line.cache[1] = KVCache()
    assert not line.settle()


def fill(cache: Any, start: int, count: int) -> None:
    for position in range(start, start + count):
        if isinstance(cache, ArraysCache):
            cache[0] = mx.full((1, 4), position)
            continue
        row = mx.full((1, 1, 1, 64), float(position))
        for each in getattr(cache, "caches", [cache]):
            each.update_and_fetch(row, row)


def content(cache: Any) -> list[Any]:
    return [array.tolist() for array in layers.arrays_of(cache)]


def test_a_state_is_remembered_and_copied() -> None:
    line = Line(None, list(range(5)), [ArraysCache(2), KVCache()])
    for cache in line.cache:
        fill(cache, 0, 5)
    at_five = content(line.cache[0])
    line.checkpoint(stable=True)
    for cache in line.cache:
        fill(cache, 5, 4)
    line.tokens.extend(range(5, 9))
    assert [line.reach(limit) for limit in (4, 5, 8, 9)] == [0, 5, 5, 9]
    other = line.copy(5, None)
    assert content(other.cache[0]) == at_five
    fill(other.cache[0], 70, 1)
    assert line.copy(9, None).cache[0][0].tolist() == [[8] * 4]
    line.rewind(5)
    assert content(line.cache[0]) == at_five
    assert line.settle()


@pytest.mark.parametrize(
    "make",
    [
        lambda: QuantizedKVCache(group_size=32),
        lambda: ChunkedKVCache(4),
        lambda: CacheList(KVCache(), KVCache()),
        lambda: RotatingKVCache(8, keep=2),
    ],
)
def test_unknown_caches_can_only_be_continued(make: Any) -> None:
    line = Line("key", list(range(6)), [make(), KVCache()])
    for cache in line.cache:
        fill(cache, 0, 6)
    line.checkpoint(stable=True)
    assert line.checkpoints == []
    assert [line.reach(limit) for limit in (1, 5, 6, 7)] == [0, 0, 6, 6]
    assert line.settle()
    before = content(line.cache[0])
    assert line.nbytes > sum(map(len, before))
    other = line.copy(6, None)
    fill(other.cache[0], 6, 9)
    assert content(line.cache[0]) == before
    assert content(other.cache[0]) != before


def test_a_shallow_copy_of_an_array_is_one() -> None:
    """mlx writes in place through the object; everything here rests on this."""
    first = mx.zeros((4,))
    same, other = first, copy.copy(first)
    first[0] = 1
    assert same.tolist() == [1, 0, 0, 0]
    assert other.tolist() == [0, 0, 0, 0]


def test_common_prefix() -> None:
    for length in (0, 1, 2047, 2048, 2049, 5000):
        left = list(range(length))
        assert common_prefix(left, left) == length
        assert common_prefix(left, [*left, 1]) == length
        assert common_prefix([*left, 2, 3], [*left, 1, 3]) == length


class Counting(UserList[int]):
    """A list that counts how often it is asked."""

    asked = 0

    def __getitem__(self, i: Any) -> Any:
        self.asked += 1
        data: Any = self.data
        return data[i]


def test_common_prefix_compares_slices_and_not_tokens() -> None:
    left = Counting(range(100_000))
    assert common_prefix(left, list(range(100_000))) == 100_000
    assert left.asked < 100
