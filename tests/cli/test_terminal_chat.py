"""``acp-agent chat`` at a pseudo-terminal, as a person would use it."""

import contextlib
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

import pty

FAKE = f"{sys.executable} {Path(__file__).parents[1] / 'fixtures' / 'fake_agent.py'}"
LIMIT = 30.0
CTRL_C, CTRL_D = "\x03", "\x04"
STYLES = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
# The terminal must be the one that controls the process, or Ctrl-C would be no signal.
LAUNCH = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "acp_agent", *sys.argv[1:]])
"""


class Terminal:
    """A pseudo-terminal with a subcommand of ours running in it."""

    def __init__(self, *arguments: str, stdout: int | None = None) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *arguments],
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
        )
        os.close(slave)
        self._unread = ""

    def expect(self, text: str) -> str:
        """Reads until ``text`` comes, and returns all up to it, without styles."""
        deadline = time.monotonic() + LIMIT
        while text not in self._unread:
            assert self._read(deadline), f"{text!r} did not come, but: {self._unread!r}"
        before, _, self._unread = self._unread.partition(text)
        return before + text

    def _read(self, deadline: float) -> bool:
        """Reads some, unless the end or the deadline has come."""
        wait = max(0.0, deadline - time.monotonic())
        if not select.select([self._master], [], [], wait)[0]:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError:
            return False
        self._unread = STYLES.sub("", self._unread + read.decode(errors="replace"))
        return read != b""

    def type(self, text: str) -> None:
        """Types keys; a line needs its ``\\n``."""
        os.write(self._master, text.encode())

    def type_at_prompt(self, text: str) -> None:
        """Types once the process waits: a signal just before that is seen at the next key."""
        deadline = time.monotonic() + LIMIT
        while psutil.Process(self.process.pid).status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < deadline
        self.type(text)

    def status(self) -> int:
        """Reads to the end and returns the exit status."""
        deadline = time.monotonic() + LIMIT
        while self._read(deadline):
            pass
        return self.process.wait(timeout=LIMIT)

    def close(self) -> None:
        """Hangs up."""
        os.close(self._master)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def terminal(*arguments: str, agent: str = FAKE, stdout: int | None = None) -> Generator[Terminal]:
    opened = Terminal(*arguments, "--agent", agent, stdout=stdout)
    try:
        yield opened
    finally:
        opened.close()


def test_a_conversation() -> None:
    with terminal("chat", "--mode", "mlx") as user:
        user.expect("fake-agent 1.2.3, mode mlx, model tiny")
        user.expect("mlx> ")
        user.type("What is the capital of France?\n")
        user.expect("Which city?")
        user.expect("This is a small model.")
        user.expect("The capital is Paris.\r\n")
        user.expect("mlx> ")
        user.type("max\n")
        user.expect("The answer ended early: max_tokens.")
        user.expect("mlx> ")
        user.type(CTRL_D)
        assert user.status() == 0


def test_ctrl_c_cancels_the_turn_and_the_conversation_goes_on() -> None:
    with terminal("chat") as user:
        user.expect("ollama> ")
        user.type("a long story\n")
        user.expect("0 1 2 3 ")
        user.type(CTRL_C)
        user.expect("Cancelling")
        user.expect("The answer ended early: cancelled.")
        user.expect("ollama> ")
        user.type("hi\n")
        user.expect("The capital is Paris.")
        user.expect("ollama> ")
        user.type("/quit\n")
        assert user.status() == 0


def test_a_second_ctrl_c_leaves() -> None:
    with terminal("chat", agent=FAKE + " --deaf") as user:
        user.expect("ollama> ")
        user.type("a long story\n")
        user.expect("0 1 2 3 ")
        user.type(CTRL_C)
        user.expect("Cancelling")
        user.type(CTRL_C)
        assert user.status() == 130


def test_ctrl_c_twice_at_the_prompt_leaves() -> None:
    with terminal("chat") as user:
        user.expect("ollama> ")
        user.type("unfinished")
        user.expect("unfinished")
        user.type_at_prompt(CTRL_C)
        user.expect("Ctrl-C again or Ctrl-D leaves.")
        user.expect("ollama> ")
        user.type("hi\n")
        user.expect("The capital is Paris.")
        user.expect("ollama> ")
        user.type_at_prompt(CTRL_C)
        user.expect("Ctrl-C again or Ctrl-D leaves.")
        user.expect("ollama> ")
        user.type_at_prompt(CTRL_C)
        assert user.status() == 130


def test_commands() -> None:
    with terminal("chat") as user:
        user.expect("ollama> ")
        user.type("/mode\n")
        assert "> │ ollama" in user.expect("└")
        user.expect("ollama> ")
        user.type("/mode MLX\n")
        user.expect("mlx> ")
        user.type("/mode gpt\n")
        user.expect("The agent has no mode 'gpt'; choose one of: mlx, ollama.")
        user.type("/model large\n")
        user.expect("model large")
        user.type("/model unknown\n")
        user.expect("There is no model 'unknown'.")
        user.type("/model\n")
        assert "> │ large" in user.expect("└")
        user.type("/help\n")
        user.expect("Ctrl-C cancels the running answer")
        user.type("/nonsense\n")
        user.expect("There is no command /nonsense; /help lists them.")
        user.type("\n/exit\n")
        assert user.status() == 0


def test_a_failed_turn_is_told_and_the_conversation_goes_on() -> None:
    with terminal("chat") as user:
        user.expect("ollama> ")
        user.type("fail\n")
        user.expect("Half an ans\r\n")
        user.expect("The model is gone; choose another mode.")
        user.expect("ollama> ")
        user.type("die\n")
        user.expect("The agent ended with exit status 3 before it had answered.")
        assert user.status() == 1


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        ("y\n", "chosen: once"),
        ("n\n", "chosen: no"),
        ("1\n", "chosen: always"),
        ("perhaps\n4\n3\n", "chosen: no"),
        (CTRL_D, "The answer ended early: cancelled."),
        (CTRL_C, "The answer ended early: cancelled."),
    ],
)
def test_a_permission_question(keys: str, outcome: str) -> None:
    with terminal("chat") as user:
        user.expect("ollama> ")
        user.type("ask\n")
        user.expect("Install tiny (92 MB)?")
        user.expect("3  Reject")
        user.expect("y, n or 1-3: ")
        user.type_at_prompt(keys)
        user.expect(outcome)
        user.expect("ollama> ")
        user.type("hi\n")
        user.expect("The capital is Paris.")
        user.type("/quit\n")
        assert user.status() == 0


def test_run_asks_for_permission_too() -> None:
    with terminal("run", "ask") as user:
        user.expect("y, n or 1-3: ")
        user.type("y\n")
        user.expect("chosen: once")
        assert user.status() == 0


def test_a_permission_question_stays_out_of_a_piped_answer(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    with answer.open("wb") as file, terminal("run", "ask", stdout=file.fileno()) as user:
        user.expect("y, n or 1-3: ")
        user.type("y\n")
        assert user.status() == 0
    assert answer.read_text() == "chosen: once\n"


def test_run_reads_its_prompt_from_the_terminal() -> None:
    with terminal("run") as user:
        user.expect("Type the prompt, then Ctrl-D")
        user.type("tricks\n" + CTRL_D)
        user.expect("␛[2J[bold]\ufffd2J red[/bold]")
        assert user.status() == 0
