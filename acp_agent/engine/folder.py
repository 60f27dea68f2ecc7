"""What a model folder says of itself, read without mlx.

Owns reading its JSON files and the context window. Does not own installing
(``acp_agent.models``) or loading (``engine/host/models``).
"""

import json
from pathlib import Path
from typing import Any, cast


def read_json(file: Path) -> dict[str, Any]:
    """The object in ``file``, empty where there is no such file or no object in it."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def is_model_folder(folder: Path) -> bool:
    """Whether ``folder`` looks like an MLX model."""
    return (folder / "config.json").is_file()


def read_model_type(folder: Path) -> str | None:
    """The architecture of the model in ``folder`` as its config.json names it."""
    found = read_json(folder / "config.json").get("model_type")
    return found if isinstance(found, str) else None


def read_context_size(folder: Path) -> int | None:
    """The window in tokens that the model in ``folder`` was trained for, if it says."""
    config = read_json(folder / "config.json")
    sizes: list[Any] = [config.get("max_position_embeddings")]
    match config.get("text_config"):
        case {"max_position_embeddings": size}:
            sizes.append(size)
        case _:
            pass
    return next((size for size in sizes if isinstance(size, int) and size > 0), None)


def estimate_parameters(folder: Path) -> int | None:
    """About how many parameters the language model in ``folder`` has, if its config.json says
    its size: 12 h² a layer and the embedding, as in common decoder-only transformers."""
    config = read_json(folder / "config.json")
    match config:
        case {"hidden_size": int(width), "num_hidden_layers": int(depth), "vocab_size": int(words)}:
            return 12 * width * width * depth + words * width
        case _:
            return None
