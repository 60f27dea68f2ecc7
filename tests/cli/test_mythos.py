"""``acp-agent mythos sweep``: what it asks, prints and refuses, with a made-up backend."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from acp_agent import cli
from acp_agent.app import backends
from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Notice,
    Readiness,
    TextDelta,
    Usage,
)
from acp_agent.cli.mythos import add_arguments, apply_options
from acp_agent.config.settings import Settings
from acp_agent.errors import BackendError


class FakeMythos:
    """Answers at once; fails at the depth ``fails_at``."""

    id = name = description = "mythos"

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []
        self.readiness = Readiness(True, "Noise.", models=(Model("mythos_3b", "3b"),))
        self.fails_at = ""

    async def probe(self) -> Readiness:
        return self.readiness

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        if request.options["n_loops"] == self.fails_at:
            raise BackendError("It broke.")
        yield Notice("Noise.")
        yield TextDelta("a")
        yield Usage(7, 10, 4096, answer_seconds=2.0, n_loops=int(request.options["n_loops"]))
        yield Done()

    async def aclose(self) -> None:
        """Nothing."""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeMythos:
    fake = FakeMythos()

    def build(*_: object) -> dict[str, FakeMythos]:
        return {"mythos": fake}

    monkeypatch.setattr(backends, "build_backends", build)
    return fake


def invoke(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["acp-agent", "mythos", "sweep", *words])
    return cli.main()


def test_each_depth_has_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: FakeMythos
) -> None:
    assert invoke(monkeypatch, "--n-loops", "2,8", "--max-tokens", "9", "why") == 0
    out, err = capsys.readouterr()
    heading, *rows = out.splitlines()
    assert heading.split("  ")[0] == "loops"
    assert [row.split()[0] for row in rows] == ["2", "8"]
    assert [row.split()[-2:] for row in rows] == [["10", "5.0"], ["10", "5.0"]]
    assert "Noise." in err
    warm_up, *measured = backend.asked
    assert warm_up.prompt != "why"
    assert [request.options["n_loops"] for request in measured] == ["2", "8"]
    assert {(request.prompt, request.model) for request in measured} == {("why", "mythos_3b")}
    assert {(request.temperature, request.max_tokens) for request in measured} == {(0.0, 9)}


def test_json_is_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: FakeMythos
) -> None:
    assert invoke(monkeypatch, "--json", "why") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["n_loops"] for row in rows] == [1, 2, 4, 8, 16]
    assert rows[0]["tokens_per_second"] == 5.0
    assert 0 < rows[0]["first_token_seconds"] <= rows[0]["seconds"]


def test_rows_before_a_failure_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: FakeMythos
) -> None:
    backend.fails_at = "4"
    assert invoke(monkeypatch, "--json", "why") == 1
    out, err = capsys.readouterr()
    assert [row["n_loops"] for row in json.loads(out)] == [1, 2]
    assert "acp-agent: It broke." in err


def test_it_says_why_it_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: FakeMythos
) -> None:
    assert invoke(monkeypatch, "--variant", "mythos_2b", "why") == 1
    assert "choose one of mythos_3b" in capsys.readouterr().err
    backend.readiness = Readiness(False, "Install it first.")
    assert invoke(monkeypatch, "why") == 1
    assert capsys.readouterr() == ("", "acp-agent: Install it first.\n")
    assert not backend.asked


@pytest.mark.parametrize("depths", ["", "0", "1,", "1,x", "257", "-1"])
def test_depths_are_checked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    backend: FakeMythos,
    depths: str,
) -> None:
    with pytest.raises(SystemExit):
        invoke(monkeypatch, f"--n-loops={depths}", "why")
    assert "--n-loops" in capsys.readouterr().err
    assert not backend.asked


def test_a_configured_checkpoint_is_of_the_configured_variant(tmp_path: Path) -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    mine, other = str(tmp_path / "mine.pt"), str(tmp_path / "other.pt")
    settings = Settings.model_validate({"mythos": {"variant": "mythos_1b", "checkpoint": mine}})

    def checkpoint(*words: str) -> str | None:
        arguments = parser.parse_args(["sweep", "why", *words])
        return apply_options(settings, arguments).mythos.checkpoint

    assert checkpoint() == mine
    assert checkpoint("--variant", "mythos_1b") == mine
    assert checkpoint("--variant", "mythos_3b") is None
    assert checkpoint("--variant", "mythos_3b", "--checkpoint", other) == other
