"""Saved lines that must not be used: damaged, foreign, of other layers."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache, RotatingKVCache

from tests.engine.host.cache.marked import save, usable


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def other_file(path: Path) -> None:
    mx.save_safetensors(str(path), {"weight": mx.zeros((4, 4))})  # pyright: ignore[reportUnknownMemberType]


def other_session(path: Path) -> None:
    path.write_bytes(save(path.parent, key="b").read_bytes())


def other_model(path: Path) -> None:
    path.write_bytes(save(path.parent, fingerprint="other").read_bytes())


def change(path: Path, *, name: str = "", array: Any = None, old: str = "", new: str = "") -> None:
    arrays: Any
    metadata: Any
    arrays, metadata = mx.load(str(path), return_metadata=True)
    mx.eval(arrays)  # pyright: ignore[reportUnknownMemberType]
    assert name in arrays or not name
    assert old in metadata["line"]
    arrays = {each: value for each, value in arrays.items() if each != name}
    if array is not None:
        arrays[name] = array
    metadata["line"] = metadata["line"].replace(old, new) if old else metadata["line"]
    mx.save_safetensors(str(path), arrays, metadata)  # pyright: ignore[reportUnknownMemberType]


HALF = mx.bfloat16

CHANGES: list[tuple[str, Any]] = [
    ("1.keys", None),
    ("1.keys", mx.zeros((1, 1, 34, 2), HALF)),
    ("1.keys", mx.zeros((1, 2, 35, 2), HALF)),
    ("1.keys", mx.zeros((35, 2), HALF)),
    ("1.keys", mx.zeros((1, 1, 256, 2))),
    ("0.values", mx.zeros((1, 1, 9, 2), HALF)),
    ("0/0.keys", mx.zeros((1, 1, 7, 2), HALF)),
    ("1/2.values", None),
    ("tokens", mx.array([1, 2, 3], mx.uint32)),
    ("tokens", mx.array([], mx.uint32)),
    ("tokens", mx.ones((35,))),
    ("tokens", mx.arange(300).astype(mx.uint32)),
]
WORDS: list[tuple[str, str]] = [
    ('"version":1', '"version":0'),
    ('"position":20', '"position":0'),
    ('"position":20', '"position":29'),
    ('"position":29', '"position":99'),
    ('"note"', '"other"'),
    ('["full",0]', '["window",8]'),
]


def damages() -> Iterator[Callable[[Path], None]]:
    yield from (cut, empty, garble, other_file, other_session, other_model)
    yield from (partial(change, name=name, array=array) for name, array in CHANGES)
    yield from (partial(change, old=old, new=new) for old, new in WORDS)


@pytest.mark.parametrize("damage", list(damages()))
def test_what_cannot_be_used_is_deleted(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = save(tmp_path / "saved")
    assert usable(tmp_path / "saved") == 29
    damage(path)
    assert usable(tmp_path / "saved") == 0
    assert not path.exists()


@pytest.mark.parametrize(
    "caches",
    [
        lambda: [RotatingKVCache(8), KVCache()],
        lambda: [KVCache(), RotatingKVCache(8), RotatingKVCache(8)],
        lambda: [RotatingKVCache(9), KVCache(), RotatingKVCache(9)],
        lambda: [KVCache(), KVCache(), KVCache()],
    ],
)
def test_a_line_of_other_layers_is_refused(tmp_path: Path, caches: Any) -> None:
    save(tmp_path / "saved")
    assert usable(tmp_path / "saved", caches=caches) == 0
