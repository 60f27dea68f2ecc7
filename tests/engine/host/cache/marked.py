"""Caches whose content tells what they hold, for tests without a model.

Owns computing on a line: the "keys" are the token and its position. So a test sees at
once when a cache holds something else than its tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import KVCache, RotatingKVCache

from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.cache.store import PromptCache

WINDOW = 8


SAVED = list(range(1, 31))


def make_caches() -> list[Any]:
    """A window of 8, full attention, and a window again."""
    return [RotatingKVCache(WINDOW), KVCache(), RotatingKVCache(WINDOW)]


def make_store(
    folder: Path | None = None,
    *,
    memory_limit: int = 1 << 30,
    disk_limit: int = 1 << 30,
    fingerprint: str = "model",
    caches: Any = make_caches,
) -> PromptCache:
    """A store of such caches."""
    return PromptCache(
        caches,
        memory_limit=memory_limit,
        folder=folder,
        disk_limit=disk_limit,
        fingerprint=fingerprint,
    )


def compute(line: Line, tokens: Sequence[int], *, step: int = 3) -> None:
    """Feeds ``tokens`` to the line, ``step`` at a time."""
    for start in range(0, len(tokens), step):
        chunk = list(tokens[start : start + step])
        first = len(line.tokens)
        rows = [[float(token), float(first + index)] for index, token in enumerate(chunk)]
        for cache in line.cache:
            array = mx.array([[rows]], dtype=mx.bfloat16)
            cache.update_and_fetch(array, array + 0.5)
        line.tokens.extend(chunk)


def answer(
    store: PromptCache,
    key: str | None,
    prompt: Sequence[int],
    *,
    stable: Sequence[int] = (),
    said: Sequence[int] = (),
) -> int:
    """One request from ``take`` to ``put``; returns how many tokens were reused."""
    line = store.take(key, prompt)
    reused = len(line.tokens)
    prefill(line, prompt, stable)
    compute(line, [prompt[-1], *said], step=1)
    store.put(line)
    return reused


def prefill(line: Line, prompt: Sequence[int], stable: Sequence[int] = ()) -> None:
    """Computes all of ``prompt`` but its last token, with checkpoints as the engine does."""
    end = len(prompt) - 1
    for stop in sorted({*stable, end}):
        if 0 < stop <= end and len(line.tokens) <= stop:
            compute(line, prompt[len(line.tokens) : stop])
            line.checkpoint(stable=stop in stable)


def check(line: Line) -> None:
    """Fails unless every layer holds the line's tokens, or the last of them."""
    count = len(line.tokens)
    for cache in line.cache:
        if count == 0:
            assert cache.empty()
            continue
        assert cache.offset == count
        keys, values, width = cache.keys, cache.values, count
        if type(cache) is RotatingKVCache:
            width = min(count, WINDOW)
            keys, values = (_in_order(cache, each)[..., -width:, :] for each in (keys, values))
        rows = [
            [float(line.tokens[position]), float(position)]
            for position in range(count - width, count)
        ]
        assert keys[0, 0, :width].tolist() == rows
        assert values[0, 0, :width].tolist() == [[a + 0.5, b + 0.5] for a, b in rows]


def save(folder: Path, key: str = "a", note: str | None = "note", **options: Any) -> Path:
    """Saves the line of an answer and returns its file."""
    store = make_store(folder, **options)
    answer(store, key, SAVED, stable=[20], said=range(40, 45))
    if note is not None:
        store.set_note(key, note)
    before = set(files(folder))
    store.flush()
    return (set(files(folder)) - before).pop()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def usable(folder: Path, key: str = "a", **options: Any) -> int:
    """How many tokens a new store reuses of the saved line."""
    return len(make_store(folder, **options).take(key, [*SAVED, 99]).tokens)


def _in_order(cache: Any, array: Any) -> Any:
    return cache._temporal_order(array)
