"""What the engine's process holds: one model for all agents, and nothing once it is unloaded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import anyio
import mlx.core as mx
import psutil
import pytest

from tests.fixtures.engine_process import PATIENCE, EngineProcess, request
from tests.fixtures.tiny_llama import make_tiny_llama

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MEGABYTE = 2**20
WIDTH = 200_000
"""Of the feed-forward layers."""
BALLAST = 2 * 3 * WIDTH * 64 * 4
"""Bytes of their weights: two layers, three matrices each, in float32."""


@pytest.fixture
def heavy(engine: EngineProcess, run_folder: Path) -> Iterator[str]:
    """The path of a tiny model with much ballast."""
    folder = run_folder / "heavy"
    make_tiny_llama(folder)
    weights = folder / "model.safetensors"
    arrays = cast("dict[str, mx.array]", mx.load(str(weights)))  # pyright: ignore[reportUnknownMemberType]
    for name in list(arrays):
        if ".mlp." in name:
            shape = (64, WIDTH) if "down" in name else (WIDTH, 64)
            arrays[name] = mx.zeros(shape)
    mx.save_safetensors(str(weights), arrays, metadata={"format": "mlx"})  # pyright: ignore
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "intermediate_size": WIDTH}))
    yield str(folder)
    weights.unlink()


async def unload(engine: EngineProcess) -> None:
    """Unloads all models and returns when they have gone."""
    assert await engine.client.unload()
    with anyio.fail_after(PATIENCE):
        while await loaded(engine):
            pass


async def loaded(engine: EngineProcess) -> list[str]:
    """The models in memory."""
    status = await engine.client.status()
    assert status is not None
    return [model["id"] for model in status["models"]]


async def test_memory_of_a_model(engine: EngineProcess, heavy: str) -> None:
    """Two agents share it, and unloading gives it back."""
    process = psutil.Process((await engine.start()).pid)
    assert [chunk async for chunk in engine.client.load("endless")]
    await unload(engine)  # now all is imported that every model needs
    start = process.memory_info().rss

    async def use() -> None:
        async for _ in engine.new_client().chat(request(model=heavy, max_tokens=5)):
            pass

    for _ in range(2):
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as agents:
                agents.start_soon(use)
                agents.start_soon(use)
        held = process.memory_info().rss - start
        assert BALLAST < held < 1.5 * BALLAST
        assert await loaded(engine) == ["heavy"]
        await unload(engine)
        assert process.memory_info().rss <= start + 60 * MEGABYTE
