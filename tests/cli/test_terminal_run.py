"""``acp-agent run``: what reaches stdout, and the exit status."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = f"{sys.executable} {Path(__file__).parents[1] / 'fixtures' / 'fake_agent.py'}"
RUN = [sys.executable, "-m", "acp_agent", "run"]


def run(*arguments: str, agent: str = FAKE, stdin: str = "") -> tuple[int, str, str]:
    command = [*RUN, *arguments, "--agent", agent]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_only_the_answer_is_on_stdout() -> None:
    status, out, err = run("What is the capital of France?")
    assert (status, out) == (0, "The capital is Paris.\n")
    assert err == "Which city?\nThis is a small model.\n"


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_the_prompt_may_come_from_stdin(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, stdin="messages") == (0, "First.\nSecond.\n", "")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("max", (0, "As far as\n", "The answer ended early: max_tokens.\n")),
        ("nothing", (0, "", "The model gave no text.\n")),
        ("file", (0, "code -32601\n", "")),
        ("plan", (0, "", "+ Look\n- Write\nThe model gave no text.\n")),
        ("progress", (0, "Loaded.\n", "> Loading tiny\n+ Loading tiny, 60%\n")),
        (
            "fail",
            (1, "Half an ans\n", "acp-agent: The model is gone; choose another mode.\n"),
        ),
        (
            "die",
            (
                1,
                "Half an ans\n",
                "acp-agent: The agent ended with exit status 3 before it had answered.\n",
            ),
        ),
    ],
)
def test_outcomes(prompt: str, expected: tuple[int, str, str]) -> None:
    assert run(prompt) == expected


def test_a_permission_question_is_refused_without_a_terminal() -> None:
    status, out, err = run("ask")
    assert (status, out) == (0, "chosen: no\n")
    assert "there is no terminal to ask in: Install tiny" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "agent", "status", "message"),
    [
        (("  ",), FAKE, 2, "There is no prompt"),
        (("hi", "--mode", "gpt"), FAKE, 1, "no mode 'gpt'; choose one of: mlx, ollama."),
        (("hi", "--model", "unknown"), FAKE, 1, "There is no model 'unknown'."),
        (("hi", "--cwd", "no/folder"), FAKE, 1, "There is no folder no/folder"),
        (("hi",), "no-such-agent", 1, "'no-such-agent' could not be started"),
        (("hi",), "'", 1, "--agent takes a command"),
    ],
)
def test_faults_are_one_sentence(
    arguments: tuple[str, ...], agent: str, status: int, message: str
) -> None:
    got, out, err = run(*arguments, agent=agent)
    assert (got, out) == (status, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_mode_and_model_are_set() -> None:
    assert run("max", "--mode", "mlx", "--model", "large")[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize(("options", "presses"), [("", 1), (" --deaf", 2)])
def test_ctrl_c_cancels_and_a_second_one_gives_up(options: str, presses: int) -> None:
    command = [*RUN, "a long story", "--agent", FAKE + options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.close()
        assert process.stdout.read(4) == b"0 1 "
        process.send_signal(signal.SIGINT)
        assert b"Cancelling" in process.stderr.readline()
        if presses == 2:
            process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(timeout=60) == 130


def test_a_reader_that_leaves_ends_it_without_a_word() -> None:
    command = [*RUN, "a long story", "--agent", FAKE]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(4)
        process.stdout.close()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == b""
