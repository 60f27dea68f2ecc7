"""Finding and loading model folders."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from anyio import to_thread
from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]

from acp_agent.engine.folder import read_context_size
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.models import find_model, list_models, load_weights, locate_model


def finish(steps: Generator[tuple[int, int], None, Any]) -> tuple[Any, list[tuple[int, int]]]:
    """What ``steps`` return and what they yielded."""
    yielded: list[tuple[int, int]] = []
    while True:
        try:
            yielded.append(next(steps))
        except StopIteration as end:
            return end.value, yielded


def test_models_are_found_by_name_and_by_path(tiny_models: Path) -> None:
    assert find_model(tiny_models, "brief") == tiny_models / "brief"
    assert find_model(Path("/nowhere"), str(tiny_models / "brief")) == tiny_models / "brief"
    assert "brief" in list_models(tiny_models)
    assert list_models(tiny_models / "missing") == []


def test_a_model_has_one_path(tmp_path: Path) -> None:
    models, own = tmp_path / "models", tmp_path / "own"
    for folder in (models / "a", own / "b", own / "c"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (models / "c-link").symlink_to(own / "c")
    (tmp_path / "link").symlink_to(own)
    (tmp_path / "models-link").symlink_to(models)

    def find(*parts: str) -> Path:
        return find_model(models, str(tmp_path.joinpath(*parts)))

    assert find("own", "b") == find("link", "b") == find("own", "..", "link", "b") == own / "b"
    assert find("models", "a") == find("models-link", "a") == models / "a"
    assert find_model(models, "a") == models / "a"
    assert find_model(tmp_path / "models-link", str(models / "a")).parent.name == "models-link"
    assert find("own", "c") == find_model(models, "c-link") == models / "c-link"


def test_a_model_that_is_gone_has_its_path_still(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert locate_model(tmp_path, "gone") == gone
    assert locate_model(tmp_path / "x", str(tmp_path / "x" / ".." / "gone")) == gone
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("circle", "\0"):
        assert locate_model(tmp_path / "x", str(tmp_path / name)).name == name


@pytest.mark.parametrize(
    "name", ["nonesuch", "\0", ".", "..", "../tiny/brief", "/nowhere", "brief/", ""]
)
def test_everything_else_is_unknown(tiny_models: Path, name: str) -> None:
    with pytest.raises(ApiError) as unknown:
        find_model(tiny_models, name)
    assert unknown.value.status == 404


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ('{"max_position_embeddings": 99}', 99),
        ('{"text_config": {"max_position_embeddings": 7}}', 7),
        ('{"max_position_embeddings": "many"}', None),
        ("[]", None),
        ("nonsense", None),
    ],
)
def test_context_size_is_read_where_it_is_said(
    tmp_path: Path, config: str, size: int | None
) -> None:
    (tmp_path / "config.json").write_text(config)
    assert read_context_size(tmp_path) == size


@pytest.mark.anyio
async def test_half_precision_is_widened_on_a_cpu(tiny_models: Path) -> None:
    def load() -> tuple[set[mx.Dtype], list[tuple[int, int]]]:
        weights, reports = finish(load_weights(tiny_models / "half"))
        arrays: Any = tree_flatten(weights.parameters())
        found: set[mx.Dtype] = {array.dtype for _, array in arrays}
        mx.clear_streams()
        return found, reports

    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    found, reports = await to_thread.run_sync(load)
    assert found == {mx.float32 if on_cpu else mx.float16}
    done = [each[0] for each in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1][1] > 0


@pytest.mark.anyio
async def test_unknown_architecture_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nonesuch"}')
    mx.save_safetensors(str(tmp_path / "model.safetensors"), {})  # pyright: ignore[reportUnknownMemberType]

    with pytest.raises(ApiError, match="cannot be loaded"):
        await to_thread.run_sync(finish, load_weights(tmp_path))
