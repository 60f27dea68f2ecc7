"""How much memory a model folder takes once it is loaded.

Owns the estimate, read from the weight files' headers without loading anything. Does not
own whether that much is there (``guard``). Sizes are in bytes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from acp_agent.engine.folder import read_json

MARGIN = 256 * 2**20
"""For the libraries, a first cache and the largest intermediate results of a small model."""
MARGIN_SHARE = 1 / 16
"""What these take more in a large model, as a share of its weights."""

_HEADER_LIMIT = 100_000_000
"""The longest header that safetensors itself reads."""
_HALF = ("F16", "BF16")


@dataclass(slots=True, frozen=True)
class Needs:
    """What a model takes: its weights, all in all, and the machine that its makers name."""

    weights: int
    total: int
    minimum: int | None


def read_needs(folder: Path, *, widened: bool) -> Needs:
    """What the model in ``folder`` takes.

    Args:
        widened: whether half precision becomes float32, as ``models.load_weights`` does
            on a CPU; quantised weights stay, and their scales do not.
    """
    weights = sum(_file_bytes(file, widened) for file in folder.glob("model*.safetensors"))
    minimum = read_json(folder / "manifest.json").get("minimum_memory")
    total = weights + MARGIN + int(weights * MARGIN_SHARE)
    return Needs(weights, total, minimum if isinstance(minimum, int) else None)


def _file_bytes(file: Path, widened: bool) -> int:
    """Bytes of the tensors in ``file`` once loaded; the file's size where it is damaged.

    Format: https://github.com/huggingface/safetensors#format
    """
    try:
        header = _read_header(file)
        return sum(
            _tensor_bytes(tensor, widened)
            for name, tensor in header.items()
            if name != "__metadata__"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return file.stat().st_size if file.is_file() else 0


def _read_header(file: Path) -> dict[str, Any]:
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if length > _HEADER_LIMIT:
            raise ValueError("no safetensors file")
        header = json.loads(source.read(length))
    if not isinstance(header, dict):
        raise ValueError("no safetensors file")
    return cast("dict[str, Any]", header)


def _tensor_bytes(tensor: dict[str, Any], widened: bool) -> int:
    start, end = tensor["data_offsets"]
    return (int(end) - int(start)) * (2 if widened and tensor["dtype"] in _HALF else 1)
