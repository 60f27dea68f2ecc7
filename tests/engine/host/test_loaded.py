"""Loading a real folder: what the loader hands to the model's parts."""

from pathlib import Path

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from acp_agent.engine.host.loaded import LoadedModel, MlxLoader
from acp_agent.engine.saved_prompts import SUFFIX


def load(
    folder: Path, cache_folder: Path, cache_disk: int = 0, prefill_step: int | None = None
) -> LoadedModel:
    """The model in ``folder``."""
    steps = MlxLoader(
        prefill_step=prefill_step,
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


def test_a_slow_device_reads_shorter_steps(tiny_models: Path, tmp_path: Path) -> None:
    model = load(tiny_models / "endless", tmp_path)
    steps = [model.prefill_step]
    for _ in range(6):
        model.note_pace(model.prefill_step, 2.5)
        steps.append(model.prefill_step)
    assert steps[0] in (128, 512)
    assert steps[1] == steps[0] // 2
    assert steps[-1] == 16


def test_short_or_quick_reads_leave_the_step(tiny_models: Path, tmp_path: Path) -> None:
    model = load(tiny_models / "endless", tmp_path)
    before = model.prefill_step
    model.note_pace(before - 1, 9.0)
    model.note_pace(before, 1.9)
    assert model.prefill_step == before


def test_a_configured_step_stays(tiny_models: Path, tmp_path: Path) -> None:
    model = load(tiny_models / "endless", tmp_path, prefill_step=40)
    model.note_pace(40, 9.0)
    assert model.prefill_step == 40
