"""Loading a real folder: what the loader hands to the model's parts."""

from pathlib import Path

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host.loaded import LoadedModel, MlxLoader
from acp_agent.engine.saved_prompts import SUFFIX


def load(folder: Path, cache_folder: Path, cache_disk: int) -> LoadedModel:
    """The model in ``folder``."""
    steps = MlxLoader(
        prefill_step=None,
        has_fast_blas=True,
        cache_memory=2**20,
        cache_folder=cache_folder,
        cache_disk=cache_disk,
    )(folder)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("limit", [0, 2**20])
def test_without_room_on_disk_saved_prompts_go(
    tiny_models: Path, tmp_path: Path, limit: int
) -> None:
    left = tmp_path / f"left{SUFFIX}"
    left.write_bytes(b"x")
    model = load(tiny_models / "endless", tmp_path, limit)
    assert left.exists() is (limit > 0)
    assert model.cache.figures()["disk_bytes"] == (1 if limit else 0)
