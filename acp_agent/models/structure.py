"""Whether a model folder's weights are whole in themselves, read without MLX.

Owns the outline of safetensors files and of their index. Does not own checksums
(``models/integrity``) or what the tensors mean (the engine).

Format: https://github.com/huggingface/safetensors#format
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

INDEX_NAME: Final = "model.safetensors.index.json"
_HEADER_LIMIT: Final = 100_000_000
"""Bytes that a header may have; the format's own limit."""


def explain_broken(folder: Path) -> str | None:
    """What keeps the model in ``folder`` from being loaded, in a few words; None if nothing.

    Raises:
        OSError: a file cannot be read.
    """
    if not _read_object(folder / "config.json"):
        return "config.json is missing or says nothing"
    names: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found = _read_tensor_names(path)
        if found is None:
            return f"{path.name} is no whole safetensors file"
        names[path.name] = found
    if not any(name.startswith("model") for name in names):
        return "there are no weights (model*.safetensors)"
    return _explain_index(folder / INDEX_NAME, names)


def read_context_size(folder: Path) -> int | None:
    """The window in tokens that config.json states, if it does."""
    config = _read_object(folder / "config.json") or {}
    text = config.get("text_config")
    inner = cast("dict[str, Any]", text) if isinstance(text, dict) else {}
    for value in (config.get("max_position_embeddings"), inner.get("max_position_embeddings")):
        if isinstance(value, int) and value > 0:
            return value
    return None


def _explain_index(index: Path, names: Mapping[str, set[str]]) -> str | None:
    if not index.exists():
        return None
    content = _read_object(index) or {}
    listed = content.get("weight_map")
    if not isinstance(listed, dict):
        return f"{index.name} lists no weights"
    for tensor, file in cast("dict[str, object]", listed).items():
        if not isinstance(file, str) or file not in names:
            return f"{index.name} names a file that is missing"
        if tensor not in names[file]:
            return f"{file} lacks a tensor that {index.name} names"
    return None


def _read_tensor_names(path: Path) -> set[str] | None:
    """The tensors in a safetensors file; None where the file is not whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _HEADER_LIMIT):
            return None
        header = _as_object(file.read(length))
    if header is None:
        return None
    header.pop("__metadata__", None)
    ranges: list[tuple[int, int]] = []
    for tensor in header.values():
        match tensor:
            case {"data_offsets": [int(start), int(end)]}:
                ranges.append((start, end))
            case _:
                return None
    position = 0
    for start, end in sorted(ranges):
        if start != position or end < start:
            return None
        position = end
    return set(header) if position == size - 8 - length else None


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        return _as_object(path.read_bytes())
    except FileNotFoundError:
        return None


def _as_object(data: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None
