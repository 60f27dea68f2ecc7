"""The command line itself: what a person sees, and which subcommand runs."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from acp_agent import __version__, cli
from acp_agent.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["run", "chat", "demo", "models", "engine", "config", "mcp", "serve"]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of ``acp-agent`` with ``arguments``."""
    monkeypatch.setattr(sys, "argv", ["acp-agent", *arguments])
    try:
        return cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else -1


def fake_command(monkeypatch: pytest.MonkeyPatch, outcome: int | BaseException) -> None:
    """Puts a subcommand ``run`` in place that takes a word and ends with ``outcome``."""
    module = ModuleType("acp_agent.cli.run")

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("word", choices=["a", "b"])

    def run(arguments: argparse.Namespace) -> int:
        print(arguments.word)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    vars(module).update(add_arguments=add_arguments, run=run)
    monkeypatch.setitem(sys.modules, "acp_agent.cli.run", module)
    monkeypatch.setattr(cli, "run", module, raising=False)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, option) == 0
    assert capsys.readouterr() == (f"acp-agent {__version__}\n", "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_help_lists_every_command(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, option) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"    {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_help(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, command, "--help") == 0
    assert f"acp-agent {command}" in capsys.readouterr().out


def test_a_commands_help_keeps_the_spelling_of_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "mcp", "--help") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Serve the local GPT-OSS to other agents as an MCP server." in words


@pytest.mark.parametrize("arguments", [["dance"], ["--dance"], ["serve", "--dance"], ["run", "c"]])
def test_what_is_no_command_is_a_usage_error(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, 0)
    assert call(monkeypatch, *arguments) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert "usage: acp-agent" in found.err


@pytest.mark.parametrize("status", [0, 3])
def test_a_commands_status_is_the_processs(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, status)
    assert call(monkeypatch, "run", "a") == status
    assert capsys.readouterr() == ("a\n", "")


def test_an_error_is_one_sentence_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, ConfigError("config.toml, line 2: there is no key 'x'."))
    assert call(monkeypatch, "run", "a") == 1
    assert capsys.readouterr().err == "acp-agent: config.toml, line 2: there is no key 'x'.\n"


def test_ctrl_c_ends_a_command_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_command(monkeypatch, KeyboardInterrupt())
    assert call(monkeypatch, "run", "a") == 130
    assert capsys.readouterr().err == ""


def python(*arguments: str, stdin: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_person_in_a_terminal_is_told_what_it_is_and_what_to_type() -> None:
    ours, theirs = os.openpty()
    try:
        result = python("-m", "acp_agent", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("acp-agent puts your own language models behind an editor")
    for command in COMMANDS:
        assert f"  acp-agent {command} " in result.stdout
    assert '"agent_servers"' in result.stdout


def test_without_a_terminal_it_serves() -> None:
    result = python("-m", "acp_agent", stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_reader_that_has_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "acp_agent", "config", "schema"]
        done = subprocess.run(
            command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60
        )
    finally:
        os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 1


def test_a_command_loads_only_its_own_module() -> None:
    script = (
        "import sys\n"
        "import acp_agent.cli\n"
        "sys.argv = ['acp-agent', 'config', '--help']\n"
        "try: acp_agent.cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted(n for n in sys.modules if n.startswith('acp_agent.cli.')))\n"
    )
    result = python("-c", script, stdin=subprocess.DEVNULL)
    assert result.stdout.splitlines()[-1] == "['acp_agent.cli.config']"
