"""Finding and loading model folders."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from anyio import to_thread
from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]

from acp_agent.engine.folder import read_context_size
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.models import find_model, list_models, load_weights


def test_models_are_found_by_name_and_by_path(tiny_models: Path) -> None:
    assert find_model(tiny_models, "brief") == tiny_models / "brief"
    assert find_model(Path("/nowhere"), str(tiny_models / "brief")) == tiny_models / "brief"
    assert "brief" in list_models(tiny_models)
    assert list_models(tiny_models / "missing") == []


@pytest.mark.parametrize("name", ["nonesuch", ".", "..", "../tiny/brief", "/nowhere", "brief/", ""])
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
    reports: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        reports.append((done, total))

    def load() -> set[mx.Dtype]:
        weights: Any = load_weights(tiny_models / "half", report)
        arrays: Any = tree_flatten(weights.parameters())
        found: set[mx.Dtype] = {array.dtype for _, array in arrays}
        mx.clear_streams()
        return found

    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    assert await to_thread.run_sync(load) == {mx.float32 if on_cpu else mx.float16}
    done = [each[0] for each in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1][1] > 0


@pytest.mark.anyio
async def test_unknown_architecture_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nonesuch"}')
    mx.save_safetensors(str(tmp_path / "model.safetensors"), {})  # pyright: ignore[reportUnknownMemberType]

    def ignore(done: int, total: int) -> None:
        pass

    with pytest.raises(ApiError, match="cannot be loaded"):
        await to_thread.run_sync(load_weights, tmp_path, ignore)
