"""Caches between the answers of a session."""

from typing import Any, cast

import pytest

from acp_agent.engine.host.mythos.caches import KEPT, KeptCaches
from acp_agent.engine.host.mythos.model import Cache

LIMIT = 10_000


class Rows:
    """A tensor as far as caches know it: ``count`` rows of 10 bytes."""

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def nbytes(self) -> int:
        return 10 * self.count

    def __getitem__(self, place: tuple[slice, slice]) -> "Rows":
        return Rows(min(self.count, cast("int", place[1].stop)))


def cache_of(count: int) -> Cache:
    return {"layer": cast("dict[str, Any]", {"k": Rows(count)})}


def numbers(*parts: range) -> list[int]:
    return [number for part in parts for number in part]


def test_what_agrees_is_used_and_the_last_token_is_left() -> None:
    kept = KeptCaches(LIMIT)
    kept.put("a", 3, numbers(range(100)), cache_of(100))
    cache, shared = kept.take("a", 3, numbers(range(60), range(500, 520)))
    assert shared == 60
    assert cache["layer"]["k"].count == 60
    kept.put("a", 3, numbers(range(60)), cache)
    assert kept.take("a", 3, numbers(range(60)))[1] == 59


def test_taken_out_for_one_answer_at_a_time() -> None:
    kept = KeptCaches(LIMIT)
    kept.put("a", 3, [1, 2, 3], cache_of(3))
    assert kept.take("a", 3, [1, 2, 3, 4])[1] == 3
    assert kept.take("a", 3, [1, 2, 3, 4]) == ({}, 0)


@pytest.mark.parametrize(("key", "n_loops"), [("b", 3), ("a", 4)])
def test_session_and_depth_have_their_own(key: str, n_loops: int) -> None:
    kept = KeptCaches(LIMIT)
    kept.put("a", 3, [1, 2, 3], cache_of(3))
    assert kept.take(key, n_loops, [1, 2, 3, 4]) == ({}, 0)
    assert kept.take("a", 3, [1, 2, 3, 4])[1] == 3


def test_long_rest_is_read_from_the_beginning() -> None:
    for rest, expected in ((64, 50), (65, 0)):
        kept = KeptCaches(LIMIT)
        kept.put("a", 3, numbers(range(50)), cache_of(50))
        assert kept.take("a", 3, numbers(range(50 + rest)))[1] == expected


def test_number_and_bytes_are_bounded() -> None:
    kept = KeptCaches(LIMIT)
    for number in range(KEPT + 2):
        kept.put(number, 3, [1, 2, 3], cache_of(3))
    assert kept.figures() == {"lines": KEPT, "bytes": KEPT * 30, "bytes_limit": LIMIT}
    assert kept.take(0, 3, [1, 2, 3]) == ({}, 0)
    kept.put("large", 3, [1, 2], cache_of(LIMIT // 10))
    assert kept.figures()["lines"] == 1
    kept.put("larger", 3, [1, 2], cache_of(LIMIT))
    assert kept.figures()["lines"] == 0


def test_forgotten_session_is_gone() -> None:
    kept = KeptCaches(LIMIT)
    for n_loops in (1, 2):
        kept.put("a", n_loops, [1, 2], cache_of(2))
    kept.put("b", 1, [1, 2], cache_of(2))
    kept.forget("a")
    assert kept.figures()["lines"] == 1
    kept.clear()
    assert kept.nbytes == 0
