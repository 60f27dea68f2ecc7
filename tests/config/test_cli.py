"""``acp-agent config``: what it prints and its exit status."""

import argparse
import json
from pathlib import Path

import pytest

from acp_agent.cli import config
from acp_agent.config.keys import dotted, setting_keys


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    config.add_arguments(parser)
    return config.run(parser.parse_args(arguments))


def test_check_prints_every_setting_and_its_origin(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (isolated_home / "config.toml").write_text('[ollama]\nmodel = "qwen3:8b"\n')
    monkeypatch.setenv("OLLAMA_HOST", "http://user:secret@there:1")

    assert run("check") == 0
    printed = capsys.readouterr()
    rows = dict(line.split(" = ", 1) for line in printed.out.splitlines() if " = " in line)
    assert list(rows) == [dotted(key) for key in setting_keys()]
    assert rows["merge"].split() == ["true", "(default)"]
    assert rows["default_mode"].split() == ["unset", "(default)"]
    assert rows["ollama.model"].split(maxsplit=1) == [
        '"qwen3:8b"',
        f"({isolated_home / 'config.toml'}:2)",
    ]
    assert rows["ollama.base_url"].split(maxsplit=1) == [
        '"http://***@there:1"',
        "(environment variable OLLAMA_HOST)",
    ]
    assert "secret" not in printed.out
    assert printed.err == ""


def test_check_says_when_there_is_no_file(
    isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"Configuration file: {isolated_home / 'config.toml'} (not there; that is fine)"


def test_check_of_a_bad_file_fails_with_the_sentence(
    isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = isolated_home / "config.toml"
    file.write_text("merge = 3\n")
    assert run("check") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{file}, line 1: merge must be true or false.\n"


def test_check_finds_misspelt_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACP_AGENT_ENGINE_IDEL_TIMEOUT", "4")
    monkeypatch.setenv("ACP_AGENT_SCRIPTED", "1")
    monkeypatch.setenv("ACP_AGENT_CONFIG", "none.toml")
    assert run("check") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "variable ACP" in line]
    assert lines == [
        "Environment variable ACP_AGENT_ENGINE_IDEL_TIMEOUT is not a setting; "
        "did you mean ACP_AGENT_ENGINE_IDLE_TIMEOUT?"
    ]


def test_path_prints_the_files_place(
    isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("path") == 0
    assert capsys.readouterr().out == f"{isolated_home / 'config.toml'}\n"


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema") == 0
    assert json.loads(capsys.readouterr().out)["properties"]["merge"]["type"] == "boolean"


def test_an_action_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 2
    assert "ACTION" in capsys.readouterr().err
