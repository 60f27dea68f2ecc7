"""Model folders, and loading the model in one.

Owns finding a model by name and reading its weights into memory bit by bit. Does not
own installing (``acp_agent.models``) nor generating (``runner``).
mlx is imported in functions only: it belongs to the model's thread.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from acp_agent.engine.folder import is_model_folder
from acp_agent.engine.host.errors import ApiError


def find_model(folder: Path, name: str) -> Path:
    """The folder of model ``name``: an absolute path, or a folder below ``folder``.

    Raises:
        ApiError: 404, there is no such model.
    """
    path = Path(name)
    if not path.is_absolute() and path.name == name and not name.startswith("."):
        path = folder / name
    if path.is_absolute() and is_model_folder(path):
        return path
    message = (
        f"There is no model {name!r} here; `acp-agent models list` shows those installed, "
        "`acp-agent models install` gets another."
    )
    raise ApiError(404, "model_not_found", message, param="model")


def list_models(folder: Path) -> list[str]:
    """The names of the models installed below ``folder``."""
    if not folder.is_dir():
        return []
    found = (entry.parent.name for entry in folder.glob("*/config.json"))
    return sorted(name for name in found if not name.startswith("."))


def load_weights(folder: Path, report: Callable[[int, int], None]) -> Any:
    """The mlx module of the model in ``folder``, in memory.

    On a CPU, floating-point parameters become float32: half precision is ten to thirty
    times slower there (issue 2). Quantised weights stay; their scales are cast.

    Args:
        report: is told bytes loaded and all bytes after each step; may raise to stop.

    Raises:
        ApiError: 400, mlx_lm cannot load the model.
    """
    import mlx.core as mx
    from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]
    from mlx_lm.utils import load_model  # pyright: ignore[reportUnknownVariableType]

    try:
        model: Any = load_model(folder, lazy=True)[0]
    except (ValueError, KeyError, FileNotFoundError, RuntimeError) as error:
        message = "This model cannot be loaded by the engine; its log has the reason."
        raise ApiError(400, "model_load_failed", message, param="model") from error
    if mx.default_device().type == mx.DeviceType.cpu:
        model.set_dtype(mx.float32)
    arrays: list[Any] = [array for _, array in cast("Any", tree_flatten(model.parameters()))]
    total, done = sum(array.nbytes for array in arrays), 0
    for array in arrays:
        mx.eval(array)  # pyright: ignore[reportUnknownMemberType]
        done += array.nbytes
        report(done, total)
    return model
