"""``acp-agent demo``: what it shows, and when it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from acp_agent.cli import demo

FAKE = f"{sys.executable} {Path(__file__).parents[1] / 'fixtures' / 'fake_agent.py'}"


def run_demo(options: str = "", *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "acp_agent", "demo", "--agent", FAKE + options, *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_it_shows_modes_answer_cancel_and_what_to_do_next() -> None:
    status, out, err = run_demo()
    assert (status, err) == (0, "")
    shown = iter(out.splitlines())
    for expected in (
        "fake-agent 1.2.3 answered initialize after",
        "> │ mlx ",
        "> What is the capital of France?",
        "This is a small model.",
        "The capital is Paris.",
        "first text after",
        "> Write a long story",
        "0 1 2 3 4 5 6 7 ",
        "ms after session/cancel",
        "The agent left with exit status 0.",
        'settings.json: "agent_servers": {"acp-agent": {"type": "custom", "command": ',
    ):
        assert any(expected in line for line in shown), expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (" --empty", "gave no answer to the question (it stopped with end_turn)."),
        (" --exit 4", "The agent left with exit status 4 instead of 0."),
        (" --short", "ended before it could be cancelled; try another model."),
        (" --version 2", "The agent speaks ACP version 2; this client speaks 1."),
    ],
)
def test_a_fault_is_told_in_a_sentence(options: str, message: str) -> None:
    status, _, err = run_demo(options)
    assert status == 1
    assert err.startswith("acp-agent: ")
    assert err.endswith(f"{message}\n")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("last", [b"This terminal plays", b"0 1 2 "])
def test_a_reader_that_leaves_ends_it_without_a_word(last: bytes) -> None:
    command = [sys.executable, "-m", "acp_agent", "demo", "--agent", FAKE + " --deaf"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=null, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = b""
        while last not in shown:
            shown += process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == b""


def test_an_unknown_mode_is_told() -> None:
    status, _, err = run_demo("", "--mode", "gpt")
    assert (status, err) == (
        1,
        "acp-agent: The agent has no mode 'gpt'; choose one of: mlx, ollama.\n",
    )


def test_the_zed_entry_is_json_with_the_installed_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert json.loads(f"{{{demo.zed_settings()}}}") == {
        "agent_servers": {"acp-agent": {"type": "custom", "command": "acp-agent"}}
    }
    script = tmp_path / "acp-agent"
    script.touch()
    entry = json.loads(f"{{{demo.zed_settings()}}}")["agent_servers"]["acp-agent"]
    assert entry["command"] == str(script)
