"""Model folders, and loading the model in one.

Owns finding a model by name and reading its weights into memory bit by bit. Does not
own installing (``acp_agent.models``) nor generating (``loaded``).
mlx is imported in functions only: it belongs to the model's thread.
"""

from collections.abc import Generator
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
    is_id = path.name == name and not name.startswith(".")
    if (is_id or path.is_absolute()) and is_model_folder(folder / name):
        return locate_model(folder, name)
    message = (
        f"There is no model {name!r} here; `acp-agent models list` shows those installed, "
        "`acp-agent models install` gets another."
    )
    raise ApiError(404, "model_not_found", message, param="model")


def locate_model(folder: Path, name: str) -> Path:
    """Where model ``name`` is, or was: one path, however the one to it is spelled.

    A model below ``folder`` keeps its name there, also where that is a link.
    """
    path = folder / name
    if not Path(name).is_absolute():
        return path
    try:
        path = path.resolve()
        same = (at for at in map(folder.joinpath, list_models(folder)) if at.resolve() == path)
        return next(same, path)
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no path at all
        return path


def list_models(folder: Path) -> list[str]:
    """The names of the models installed below ``folder``."""
    if not folder.is_dir():
        return []
    found = (entry.parent.name for entry in folder.glob("*/config.json"))
    return sorted(name for name in found if not name.startswith("."))


def load_weights(folder: Path) -> Generator[tuple[int, int], None, Any]:
    """Reads the model in ``folder`` into memory, an array between two yields.

    On a CPU, floating-point parameters become float32: half precision is ten to thirty
    times slower there (issue 2). Quantised weights stay; their scales are cast. The model
    is warmed up with one step, which compiles what a device compiles.

    Yields:
        Bytes loaded and all bytes.

    Returns:
        The mlx module.

    Raises:
        ApiError: 400, mlx_lm cannot load the model.
    """
    import mlx.core as mx
    from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]
    from mlx_lm.utils import load_model  # pyright: ignore[reportUnknownVariableType]

    try:
        module: Any = load_model(folder, lazy=True)[0]
        if mx.default_device().type == mx.DeviceType.cpu:
            module.set_dtype(mx.float32)
        arrays: list[Any] = [array for _, array in cast("Any", tree_flatten(module.parameters()))]
        total, done = sum(array.nbytes for array in arrays), 0
        for array in arrays:
            mx.eval(array)  # pyright: ignore[reportUnknownMemberType]
            done += array.nbytes
            yield done, total
        _warm_up(module)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RuntimeError) as error:
        message = "This model cannot be loaded by the engine; its log has the reason."
        raise ApiError(400, "model_load_failed", message, param="model") from error
    return module


def _warm_up(module: Any) -> None:
    import mlx.core as mx
    from mlx_lm.models.cache import make_prompt_cache

    mx.eval(module(mx.array([[0]]), cache=make_prompt_cache(module)))  # pyright: ignore[reportUnknownMemberType]
    mx.clear_cache()
