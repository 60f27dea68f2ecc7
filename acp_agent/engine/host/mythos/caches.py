"""What a model has read for earlier answers, kept for the next one of the same session.

Owns which caches are kept, and for how long. Does not own computing them (``model``). A
cache belongs to one depth, and serves one answer at a time: it is taken out for it.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from acp_agent.engine.host.mythos.model import Cache, measure_cache, shorten

KEPT = 4
"""Caches that are kept at most."""
SHORT = 64
"""Tokens that are always read one by one; more only while they are fewer than those kept."""


@dataclass(slots=True, frozen=True, repr=False)
class _Kept:
    tokens: tuple[int, ...]
    cache: Cache
    nbytes: int


class KeptCaches:
    """Caches by the key of their session and their depth, the latest used last.

    Args:
        limit: bytes that all may take.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[tuple[Hashable, int], _Kept] = {}

    def take(self, key: Hashable, n_loops: int, tokens: Sequence[int]) -> tuple[Cache, int]:
        """Takes out the cache of ``key`` as far as it agrees with ``tokens``.

        At least the last token is left to read. Where many would be, one by one, an empty
        cache is quicker: it takes many at once.

        Returns:
            The cache and how many tokens are in it.
        """
        kept = self._kept.pop((key, n_loops), None)
        if kept is None:
            return {}, 0
        shared = _count_shared(kept.tokens, tokens[:-1])
        if not shared or len(tokens) - shared > max(SHORT, shared):
            return {}, 0
        if shared < len(kept.tokens):
            shorten(kept.cache, shared)
        return kept.cache, shared

    def put(self, key: Hashable, n_loops: int, tokens: Sequence[int], cache: Cache) -> None:
        """Keeps ``cache`` of ``tokens``, instead of an older one of ``key``."""
        self._kept.pop((key, n_loops), None)
        if tokens:
            self._kept[key, n_loops] = _Kept(tuple(tokens), cache, measure_cache(cache))
        while self._kept and (len(self._kept) > KEPT or self.nbytes > self._limit):
            del self._kept[next(iter(self._kept))]

    def forget(self, key: Hashable) -> None:
        """Drops the caches of ``key``."""
        for each in [each for each in self._kept if each[0] == key]:
            del self._kept[each]

    def clear(self) -> None:
        """Drops everything."""
        self._kept.clear()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept."""
        return sum(each.nbytes for each in self._kept.values())

    def figures(self) -> dict[str, int]:
        """Counts and sizes in bytes, for the engine's status."""
        return {"lines": len(self._kept), "bytes": self.nbytes, "bytes_limit": self._limit}


def _count_shared(first: Sequence[int], second: Sequence[int]) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))
