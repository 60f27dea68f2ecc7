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


ENDPOINTS = """
[openai]
base_url = "http://127.0.0.1:8080/v1"
[endpoints.gpu]
base_url = "https://gpu.example/v1"
model = "qwen"
key_env = "GPU_KEY"
[endpoints.lab]
base_url = "http://lab.example:8000/v1"
key_env = "LAB_KEY"
[endpoints.open]
base_url = "http://localhost:1234/v1"
"""


def endpoint_lines(output: str) -> list[str]:
    """What is printed of endpoints."""
    lines = output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("Endpoint "))
    return lines[first:]


def test_check_shows_endpoints_and_of_their_keys_only_whether_they_are_set(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (isolated_home / "config.toml").write_text(ENDPOINTS)
    monkeypatch.setenv("GPU_KEY", "sk-secret")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert run("check") == 0
    printed = capsys.readouterr().out
    assert "sk-secret" not in printed
    assert endpoint_lines(printed) == [
        "Endpoint default: http://127.0.0.1:8080/v1, model unset, key in OPENAI_API_KEY (not set)",
        "Endpoint gpu: https://gpu.example/v1, model qwen, key in GPU_KEY (set)",
        "Endpoint lab: http://lab.example:8000/v1, model unset, key in LAB_KEY (not set)",
        "  Endpoint lab needs a key, and the environment variable LAB_KEY is not set. Set it where "
        "the editor is started, or take key_env out of [endpoints.lab].",
        "Endpoint open: http://localhost:1234/v1, model unset, no key",
    ]


def test_check_says_when_a_table_hides_the_base_url(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = isolated_home / "config.toml"
    file.write_text('[endpoints.default]\nbase_url = "http://localhost:1/v1"\n')
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:2/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert run("check") == 0
    assert endpoint_lines(capsys.readouterr().out) == [
        "Endpoint default: http://localhost:1/v1, model unset, no key",
        "openai.base_url is not used: [endpoints.default] stands in its place.",
    ]


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
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in printed if line.startswith("Environment variable ACP")]
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
