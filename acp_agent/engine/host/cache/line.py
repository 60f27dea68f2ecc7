"""One cached token sequence, and the positions from which it can be continued.

Owns tokens, caches and checkpoints of a sequence. Does not own which lines are kept
(``store``) or what a layer's cache can do (``layers``). A line is used on the model's
thread only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from acp_agent.engine.host.cache import layers

_STABLE_KEPT = 6
_SLICE = 2048


@dataclass(frozen=True, repr=False)
class Checkpoint:
    """The state after ``position`` tokens, a remembered state per layer.

    ``stable``: later prompts are likely to agree with this one up to here.
    """

    position: int
    stable: bool
    states: tuple[Any, ...]

    @cached_property
    def nbytes(self) -> int:
        """Memory of the states in bytes."""
        return sum(array.nbytes for array in self.arrays())

    def arrays(self) -> list[Any]:
        """All arrays of the states."""
        return [array for state in self.states for array in layers.arrays_of(state)]

    def reach(self, limit: int) -> int:
        """The deepest position up to ``limit`` that this leads to, 0 for none."""
        if self.position <= limit:
            return self.position
        return limit if all(self._is_whole(state) for state in self.states) else 0

    def _is_whole(self, state: Any) -> bool:
        return state is None or (isinstance(state, layers.Window) and state.width == self.position)


@dataclass(slots=True, eq=False, weakref_slot=True, repr=False)
class Line:
    """A cached token sequence, exclusive to whoever took it from the store.

    ``cache`` holds the K/V of ``tokens``: mlx_lm's caches of one sequence, a layer each;
    it may be replaced by others of the same content, as those taken out of a batch. Who
    computes on the line keeps both in step. ``key`` names the session, None is nobody's.
    ``shared`` marks the stable beginning of another line; ``saved`` says that the disk
    has this state; ``used`` is when it was last used (seconds since the epoch). No repr: the
    log holds no tokens.
    """

    key: str | None
    tokens: list[int]
    cache: list[Any]
    checkpoints: list[Checkpoint] = field(default_factory=list[Checkpoint])
    shared: bool = False
    saved: bool = False
    used: float = 0.0

    @property
    def nbytes(self) -> int:
        """Memory of caches and checkpoints in bytes, with what they hold in reserve."""
        live = sum(array.nbytes for cache in self.cache for array in layers.arrays_of(cache))
        return live + sum(checkpoint.nbytes for checkpoint in self.checkpoints)

    def checkpoint(self, *, stable: bool) -> None:
        """Remembers the state after ``tokens``, so that the line can come back to it.

        Costs a copy of each sliding window (3 MB for gpt-oss-20b). Kept are the first
        stable one, the last stable ones and the last other one. Where a layer's state
        cannot be remembered cheaply, nothing is.

        Raises:
            ValueError: ``cache`` does not hold ``tokens``.
        """
        position = len(self.tokens)
        if not position or layers.count_tokens(self.cache, position) != position:
            raise ValueError("the cache does not hold the tokens of its line")
        if not layers.can_remember(self.cache):
            return
        at_end = [each for each in self.checkpoints if each.position == position]
        if at_end and (at_end[0].stable or not stable):
            return
        self.checkpoints = [each for each in self.checkpoints if each.position < position]
        self.checkpoints.append(self._remember(stable=stable))
        evaluate(self.checkpoints[-1].arrays())
        self.checkpoints = _worth_keeping(self.checkpoints)

    def reach(self, limit: int) -> int:
        """The deepest position up to ``limit`` from which it can be continued, else 0."""
        end = len(self.tokens)
        if end <= limit:
            return end
        if layers.are_whole(self.cache):
            return limit
        return max((each.reach(limit) for each in self.checkpoints), default=0)

    def rewind(self, position: int) -> None:
        """Goes back to ``position``, one that ``reach`` returned, and forgets the rest.

        Raises:
            RuntimeError: mlx cannot compute or read the arrays.
        """
        if position < len(self.tokens):
            self._restore(position)
        evaluate(self._arrays())

    def copy(self, position: int, key: str | None) -> "Line":
        """A line of its own up to ``position``, one that ``reach`` returned.

        Raises:
            RuntimeError: as ``rewind``.
        """
        states = self._state_at(position).states
        cache = [
            layers.duplicate(cache, state, position)
            for cache, state in zip(self.cache, states, strict=True)
        ]
        checkpoints = [each for each in self.checkpoints if each.position <= position]
        found = Line(key, self.tokens[:position], cache, checkpoints)
        evaluate(found._arrays())
        return found

    def settle(self) -> bool:
        """Makes the line fit for keeping; False where nothing of it can be used.

        An answer that failed may leave caches and tokens out of step: then tokens that
        were not computed are dropped, or the line goes back to its last checkpoint.

        Raises:
            RuntimeError: as ``rewind``.
        """
        end = len(self.tokens)
        held = layers.count_tokens(self.cache, end)
        if 0 < held < end:
            del self.tokens[held:]
        elif held != end:
            usable = [each.position for each in self.checkpoints if each.position < end]
            if not usable or not layers.reach_back_to(self.cache, usable[-1]):
                return False
            self._restore(usable[-1])
        if not self.tokens:
            return False
        self.cache = [layers.compact(cache) for cache in self.cache]
        evaluate(self._arrays())
        return True

    def _restore(self, position: int) -> None:
        states = self._state_at(position).states
        self.cache = [
            layers.restore(cache, state, position)
            for cache, state in zip(self.cache, states, strict=True)
        ]
        del self.tokens[position:]
        self.checkpoints = [each for each in self.checkpoints if each.position <= position]

    def _state_at(self, position: int) -> Checkpoint:
        for each in self.checkpoints:
            if each.reach(position) == position:
                return each
        return self._remember(stable=False)

    def _remember(self, *, stable: bool) -> Checkpoint:
        states = tuple(layers.remember(cache) for cache in self.cache)
        return Checkpoint(len(self.tokens), stable, states)

    def _arrays(self) -> list[Any]:
        live = [array for cache in self.cache for array in layers.arrays_of(cache)]
        return live + [array for each in self.checkpoints for array in each.arrays()]


def evaluate(arrays: list[Any]) -> None:
    """Computes lazy arrays, all in one go."""
    import mlx.core as mx

    mx.eval(arrays)  # pyright: ignore[reportUnknownMemberType]


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two sequences of one type share at their beginning."""
    end = min(len(left), len(right))
    # Slices are compared in C, those of arrays a hundred times faster than tokens here.
    for start in range(0, end, _SLICE):
        stop = min(start + _SLICE, end)
        if left[start:stop] != right[start:stop]:
            return next(index for index in range(start, stop) if left[index] != right[index])
    return end


def _worth_keeping(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    stable = [each for each in checkpoints if each.stable]
    other = [each for each in checkpoints if not each.stable]
    kept = {each.position for each in (*stable[:1], *stable[-_STABLE_KEPT:], *other[-1:])}
    return [each for each in checkpoints if each.position in kept]
