"""The conversion process: started, read, and killed on a cancel."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from acp_agent.engine.convert import convert_gguf
from acp_agent.errors import BackendError, InstallError
from tests.fixtures.gguf_file import make_gguf

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        importlib.util.find_spec("mlx") is None, reason="MLX has no wheel for this platform"
    ),
]


async def test_converts_in_another_process(tmp_path: Path) -> None:
    make_gguf().write(tmp_path / "tiny.gguf")
    with anyio.fail_after(60):
        await convert_gguf(tmp_path / "tiny.gguf", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "llama"


async def test_the_editors_folder_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlx").mkdir()
    (tmp_path / "mlx" / "__init__.py").write_text("raise SystemExit('imported by mistake')")
    (tmp_path / "json.py").write_text("raise SystemExit('imported by mistake')")
    make_gguf().write(tmp_path / "tiny.gguf")
    monkeypatch.chdir(tmp_path)
    with anyio.fail_after(60):
        await convert_gguf(tmp_path / "tiny.gguf", tmp_path / "out")


async def test_failure_is_one_sentence_and_keeps_the_details_apart(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"this is no GGUF file")
    with anyio.fail_after(60), pytest.raises(InstallError) as caught:
        await convert_gguf(tmp_path / "no.gguf", tmp_path / "out")
    assert "could not be converted" in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert isinstance(caught.value, BackendError)
    assert caught.value.output


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in the file system")
async def test_cancel_kills_the_process(tmp_path: Path) -> None:
    """The process hangs in opening a pipe; that nothing is left is checked after the test."""
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    with anyio.fail_after(60), anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(convert_gguf, pipe, tmp_path / "out")
            writer = await anyio.to_thread.run_sync(os.open, pipe, os.O_WRONLY)
            try:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
            finally:
                os.close(writer)
    assert scope.cancelled_caught
