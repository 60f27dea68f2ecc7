"""What the caches of one layer can do: be remembered, restored, copied, made small.

Owns everything that knows mlx_lm's cache classes (``mlx_lm/models/cache.py``, 0.32). Does
not own token sequences (``line``). Arrays are [1, heads, positions, head size].

Four kinds of layers:

- ``full`` (KVCache): position ``p`` is reached again by setting the offset; what lies
  beyond is overwritten later.
- ``window`` (RotatingKVCache): overwrites what left the window, so only a copy of the
  window brings a position back.
- ``state`` (ArraysCache): as ``window``, and of constant size.
- ``other``: nothing is known; it can be continued at its end and copied as a whole.

An mlx array is written in place through its Python object, so that a second reference is
no copy: ``copy.copy`` makes a new object, and mlx then copies the memory before it writes.
"""

import copy
from dataclasses import dataclass
from typing import Any, Literal, cast

Kind = Literal["full", "window", "state", "other"]


@dataclass(slots=True, frozen=True)
class Window:
    """The last positions of a window layer, oldest first. Never written to."""

    keys: Any
    values: Any

    @property
    def width(self) -> int:
        """How many positions it holds."""
        return self.keys.shape[2]


def kind_of(cache: Any) -> Kind:
    """The kind of one layer's cache."""
    from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache

    # Subclasses may keep more than their base, so they are of no known kind.
    if type(cache) is KVCache:
        return "full"
    if type(cache) is RotatingKVCache and not cast("Any", cache).keep:
        return "window"
    return "state" if type(cache) is ArraysCache else "other"


def describe(caches: list[Any]) -> list[tuple[Kind, int]]:
    """The kind of each layer, with the window's size in tokens (0: no window)."""
    found: list[tuple[Kind, int]] = []
    for cache in caches:
        kind = kind_of(cache)
        found.append((kind, cache.max_size if kind == "window" else 0))
    return found


def count_tokens(caches: list[Any], expected: int) -> int:
    """The tokens whose K/V the caches hold, 0 where the layers do not agree.

    Layers that do not count are taken to hold the ``expected``.
    """
    counts = {_length(cache) for cache in caches} - {None}
    return (counts.pop() or 0) if len(counts) == 1 else 0 if counts else expected


def reach_back_to(caches: list[Any], position: int) -> bool:
    """Whether the full layers still hold the first ``position`` tokens."""
    full = [cache for cache in caches if kind_of(cache) == "full"]
    return all((_length(cache) or 0) >= position for cache in full)


def are_whole(caches: list[Any]) -> bool:
    """Whether every position up to the end can be reached: no layer has lost any."""
    for cache in caches:
        kind = kind_of(cache)
        if kind != "full" and not (kind == "window" and cache.offset <= cache.max_size):
            return False
    return True


def can_remember(caches: list[Any]) -> bool:
    """Whether ``remember`` is cheap and complete for these layers."""
    return all(kind_of(cache) != "other" for cache in caches)


def remember(cache: Any) -> Any:
    """The state of the layer now, for ``restore``: None for a full one. Lazy."""
    import mlx.core as mx

    kind = kind_of(cache)
    if kind == "full":
        return None
    if kind != "window":
        return copy.deepcopy(cache)
    start = max(0, _width(cache) - cache.max_size)
    parts = (cache._temporal_order(part) for part in (cache.keys, cache.values))
    return Window(*(mx.contiguous(part[..., start:, :]) for part in parts))


def restore(cache: Any, remembered: Any, position: int) -> Any:
    """The layer's cache at ``position``; ``remembered`` stays as it is.

    A full layer is changed itself, any other is made anew. A position before the one
    remembered is for full and whole window layers only.
    """
    if remembered is None:
        cache.offset = position
        return cache
    if not isinstance(remembered, Window):
        return copy.deepcopy(remembered)
    found = copy.copy(cache)
    for name in ("keys", "values"):
        array = getattr(remembered, name)
        array = array[..., :position, :] if position < remembered.width else copy.copy(array)
        setattr(found, name, array)
    found.offset = position
    found._idx = found.keys.shape[2]
    return found


def duplicate(cache: Any, remembered: Any, position: int) -> Any:
    """As ``restore``, but the layer's cache stays as it is. Lazy."""
    if remembered is not None:
        return restore(cache, remembered, position)
    found = copy.copy(cache)
    _shorten(found, position)
    found.offset = position
    return found


def compact(cache: Any) -> Any:
    """The same state without room that it does not need. Lazy."""
    kind = kind_of(cache)
    if kind == "window":
        return restore(cache, remember(cache), cache.offset)
    # Caches grow in steps of 256 positions; less than a step is not worth a copy.
    if kind == "full" and cache.keys.shape[2] - cache.offset > max(256, cache.offset // 8):
        _shorten(cache, cache.offset)
    return cache


def arrays_of(state: Any) -> list[Any]:
    """The arrays in what ``remember`` returned, or in a layer's cache."""
    import mlx.core as mx
    from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]

    if isinstance(state, Window) or kind_of(state) in ("full", "window"):
        return [state.keys, state.values] if state.keys is not None else []
    leaves = cast("list[tuple[str, Any]]", tree_flatten(state.state) if state is not None else [])
    return [leaf for _, leaf in leaves if isinstance(leaf, mx.array)]


def _shorten(cache: Any, position: int) -> None:
    import mlx.core as mx

    cache.keys = mx.contiguous(cache.keys[..., :position, :])
    cache.values = mx.contiguous(cache.values[..., :position, :])


def _length(cache: Any) -> int | None:
    """The tokens that a layer has seen, None where it does not count them; 0: unusable."""
    kind = kind_of(cache)
    offset = getattr(cache, "offset", None)
    if kind == "state" or not isinstance(offset, int):
        return None
    if kind == "other":
        return offset
    width = 0 if cache.keys is None else _width(cache)
    needed = min(offset, cache.max_size) if kind == "window" else offset
    return offset if width >= needed else 0


def _width(cache: Any) -> int:
    """The positions that a full or window layer's arrays hold."""
    width: int = cache.keys.shape[2]
    if kind_of(cache) == "full" or cache._idx < cache.offset:
        return width
    return min(cache._idx, width)
