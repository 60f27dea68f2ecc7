"""A line as arrays and text for a file, and back.

Owns the names and the description in a saved line. Does not own files (``disk``). Saved
are lines of full and window layers only.

Arrays: ``tokens`` (uint32), ``LAYER.keys`` and ``LAYER.values`` of the line's end, and
``CHECKPOINT/LAYER.keys`` and so on of the windows in its checkpoints.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from acp_agent.engine.host.cache import layers
from acp_agent.engine.host.cache.line import Checkpoint, Line

_VERSION = 1
_PARTS = ("keys", "values")


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    position: int = Field(gt=0)
    stable: bool


class _Description(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int
    fingerprint: str
    name: str
    layers: list[tuple[layers.Kind, int]]
    checkpoints: list[_Place]
    note: str | None


def can_save(line: Line) -> bool:
    """Whether ``line`` has only layers whose state is known."""
    return all(kind in ("full", "window") for kind, _ in layers.describe(line.cache))


def pack(
    line: Line, note: str | None, *, name: str, fingerprint: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The arrays and the metadata of a settled line; nothing is copied."""
    import mlx.core as mx

    arrays = {"tokens": mx.array(line.tokens, dtype=mx.uint32)}
    for index, cache in enumerate(line.cache):
        arrays |= {f"{index}.{part}": getattr(cache, part) for part in _PARTS}
    for number, checkpoint in enumerate(line.checkpoints):
        for index, state in enumerate(checkpoint.states):
            if state is not None:
                names = {part: f"{number}/{index}.{part}" for part in _PARTS}
                arrays |= {names[part]: getattr(state, part) for part in _PARTS}
    places = [_Place(position=each.position, stable=each.stable) for each in line.checkpoints]
    description = _Description(
        version=_VERSION,
        fingerprint=fingerprint,
        name=name,
        layers=layers.describe(line.cache),
        checkpoints=places,
        note=note,
    )
    return arrays, {"line": description.model_dump_json()}


def unpack(
    arrays: dict[str, Any],
    metadata: dict[str, str],
    make_cache: Callable[[], list[Any]],
    *,
    key: str,
    name: str,
    fingerprint: str,
) -> tuple[Line, str | None]:
    """The line and its note; its arrays may still be lazy.

    Raises:
        ValueError: this is no line of that name and of a model with these caches.
        KeyError: an array is missing.
    """
    description = _Description.model_validate_json(metadata["line"])
    caches = make_cache()
    found = (description.version, description.fingerprint, description.name)
    if found != (_VERSION, fingerprint, name):
        raise ValueError("the line is not of this version, model or session")
    if description.layers != layers.describe(caches):
        raise ValueError("the line's layers are not the model's")
    tokens = _tokens(arrays["tokens"])
    for index, cache in enumerate(caches):
        window = _window(arrays, str(index), cache, len(tokens))
        cache.keys, cache.values, cache.offset = window.keys, window.values, len(tokens)
        if layers.kind_of(cache) == "window":
            cache._idx = window.width
    line = Line(key, tokens, caches, list(_checkpoints(description, arrays, caches)))
    _check_order(line)
    return line, description.note


def _tokens(array: Any) -> list[int]:
    import mlx.core as mx

    if array.dtype != mx.uint32 or array.ndim != 1 or not array.size:
        raise ValueError("the tokens are none")
    return array.tolist()


def _checkpoints(
    description: _Description, arrays: dict[str, Any], caches: list[Any]
) -> Iterator[Checkpoint]:
    for number, place in enumerate(description.checkpoints):
        states = tuple(
            None
            if layers.kind_of(cache) == "full"
            else _window(arrays, f"{number}/{index}", cache, place.position)
            for index, cache in enumerate(caches)
        )
        yield Checkpoint(place.position, place.stable, states)


def _window(arrays: dict[str, Any], name: str, cache: Any, position: int) -> layers.Window:
    """The arrays of a layer, whose shapes must be those of ``position`` tokens."""
    keys, values = (arrays[f"{name}.{part}"] for part in _PARTS)
    is_full = layers.kind_of(cache) == "full"
    for array in (keys, values):
        if array.ndim != 4 or array.shape[:3] != keys.shape[:3] or array.shape[0] != 1:
            raise ValueError("an array has another shape")
        width = array.shape[2]
        if width < position if is_full else width != min(position, cache.max_size):
            raise ValueError("an array holds another number of tokens")
    if keys.dtype != values.dtype:
        raise ValueError("keys and values differ in type")
    return layers.Window(keys, values)


def _check_order(line: Line) -> None:
    positions = [each.position for each in line.checkpoints]
    if positions != sorted(set(positions)) or max(positions, default=0) > len(line.tokens):
        raise ValueError("the checkpoints are out of order")
