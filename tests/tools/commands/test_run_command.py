"""The tool ``run_command``: how a command is shown, run and told of."""

import sys
from pathlib import Path
from typing import Any

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Outcome, Prepared
from acp_agent.tools.commands.local_commands import LocalCommands
from acp_agent.tools.commands.run_command import (
    ENVIRONMENT,
    LONGEST,
    OUTPUT_LIMIT,
    RunCommand,
    uses_package_manager,
)
from acp_agent.tools.shown import Shown, ShownTerminal, ShownText
from acp_agent.tools.workspace import CommandEnd, FileProblem
from tests.fixtures.fake_editor import FakeEditor
from tests.fixtures.workspace import FakeCommands, FakeContainment, make_workspace

pytestmark = pytest.mark.anyio

CONTAINED = FakeContainment("a box: no network")


async def prepare(root: Path, arguments: dict[str, Any], **changes: Any) -> Prepared:
    prepared = await RunCommand().prepare(arguments, make_workspace(root, **changes))
    assert isinstance(prepared, Prepared), prepared.text
    return prepared


async def run(root: Path, end: CommandEnd | Exception, **changes: Any) -> Outcome:
    changes.setdefault("commands", FakeCommands(ends=[end]))
    prepared = await prepare(root, {"command": "make"}, **changes)
    return await prepared.run(FakeEditor())


async def test_the_action_is_the_command_as_it_will_run(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    commands = FakeCommands()
    text = "a  'b' | c\n$(d) "
    prepared = await prepare(
        tmp_path, {"command": text, "cwd": "sub"}, commands=commands, containment=CONTAINED
    )
    directory = tmp_path.resolve() / "sub"
    assert prepared.action == Action(
        "execute", command=text, directory=directory, contained=CONTAINED.summary
    )
    assert not commands.ran
    await prepared.run(FakeEditor())
    (ran,) = commands.ran
    assert ran.argv == ("/bin/sh", "-c", text)
    assert (ran.directory, ran.seconds, ran.output_limit) == (directory, 120, OUTPUT_LIMIT)
    assert ran.environment == ENVIRONMENT


async def test_the_user_sees_every_character(tmp_path: Path) -> None:
    text = "echo ```\n# \u202efr- mr\x1b[2K" + "x" * 300
    prepared = await prepare(tmp_path, {"command": text}, containment=CONTAINED)
    (shown,) = prepared.shown
    assert isinstance(shown, ShownText)
    assert shown.text.startswith("````sh\necho ```\n# \\u202efr- mr\\u001b[2K" + "x" * 300 + "\n")
    assert str(tmp_path.resolve()) in shown.text
    # The question says what contains it, once.
    assert "ontained" not in shown.text


async def test_the_user_is_told_of_what_may_be_out_of_sight(tmp_path: Path) -> None:
    for text, size in (("ls" + " " * 200 + "; rm x", "1 lines, of up to 208"), ("ls\n" * 30, "31")):
        (shown,) = (await prepare(tmp_path, {"command": text})).shown
        assert isinstance(shown, ShownText)
        assert f"It has {size}" in shown.text
    (shown,) = (await prepare(tmp_path, {"command": "ls\nls"})).shown
    assert isinstance(shown, ShownText)
    assert "It has" not in shown.text


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        ({"command": "ls -l 'a  b'"}, "ls -l 'a  b'"),
        ({"command": "a\n  b\n"}, "a ⏎ b"),
        ({"command": "ls" + " " * 300 + "; rm x"}, "ls … ; rm x"),
        ({"command": "x" * 300 + "; rm y"}, "x" * 100 + "…" + "x" * 93 + "; rm y"),
        ({"command": "x" * 200}, "x" * 200),
        ({"command": "a\u202eb"}, "a\\u202eb"),
        ({"command": 3}, "Run a command"),
        ({}, "Run a command"),
    ],
)
def test_titles(arguments: dict[str, Any], title: str) -> None:
    assert RunCommand().title(arguments) == title


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "command is missing"),
        ({"command": ""}, "command must not be empty"),
        ({"command": "a\0b"}, "The command has a null character"),
        ({"command": "a\ud800b"}, "command must be valid text"),
        ({"command": "a", "cwd": "nonesuch"}, "There is no folder 'nonesuch' to run it in."),
        ({"command": "a", "cwd": "a\0b"}, "is not a path"),
        ({"command": "a", "timeout": -1}, "timeout must be at least 0"),
    ],
)
async def test_calls_that_cannot_be_made(
    tmp_path: Path, arguments: dict[str, Any], problem: str
) -> None:
    outcome = await RunCommand().prepare(arguments, make_workspace(tmp_path))
    assert isinstance(outcome, Outcome)
    assert outcome.failed
    assert problem in outcome.text


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ({"command": "make"}, 120),
        ({"command": "npm test"}, 600),
        ({"command": "make", "timeout": 900}, 900),
        ({"command": "npm test", "timeout": 5}, 5),
        ({"command": "make", "timeout": 0}, 120),
        ({"command": "make", "timeout": 1e9}, LONGEST),
    ],
)
async def test_time_limits(tmp_path: Path, arguments: dict[str, Any], seconds: float) -> None:
    commands = FakeCommands()
    await (await prepare(tmp_path, arguments, commands=commands)).run(FakeEditor())
    assert commands.ran[0].seconds == seconds


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install x", True),
        ("/usr/bin/npm ci", True),
        ("./gradlew build", True),
        ("cd sub && uv sync", True),
        ("A=1 B='x' cargo build", True),
        ("sudo apt-get update", True),
        ("python3 -m pip install x", True),
        ("(cd a; go test ./...)", True),
        ("echo pip", False),
        ("ls; cat npm", False),
        ("python -m pytest", False),
        ("", False),
    ],
)
def test_package_managers_are_known(command: str, expected: bool) -> None:
    assert uses_package_manager(command) is expected


@pytest.mark.parametrize(
    ("end", "text", "failed"),
    [
        (CommandEnd("out\n", 0), "out\n[Exit code 0.]", False),
        (CommandEnd("", 0), "[No output. Exit code 0.]", False),
        (CommandEnd("1 failed\n", 1), "1 failed\n[Exit code 1.]", True),
        (CommandEnd("", signal="SIGSEGV"), "[No output. Ended by SIGSEGV.]", True),
        (CommandEnd("a\rb\x1b[0m\n", 0), "b\n[Exit code 0.]", False),
    ],
)
async def test_ends(tmp_path: Path, end: CommandEnd, text: str, failed: bool) -> None:
    outcome = await run(tmp_path, end)
    assert (outcome.text, outcome.failed) == (text, failed)


async def test_a_time_out_says_what_to_do(tmp_path: Path) -> None:
    outcome = await run(tmp_path, CommandEnd("begun", timed_out=True))
    assert outcome.failed
    assert outcome.text.startswith("begun\n[Stopped after 120 seconds, its time limit")
    assert "`timeout` can give it more" in outcome.text


async def test_a_command_that_does_not_start_is_told(tmp_path: Path) -> None:
    assert await run(tmp_path, FileProblem("It is not.")) == Outcome("It is not.", failed=True)


@pytest.mark.parametrize(
    ("output", "exit_code", "is_told"),
    [
        ("touch: cannot touch 'x': Read-only file system", 1, True),
        ("curl: (6) Could not resolve host: a", 6, True),
        ("Permission denied", 0, False),
        ("AssertionError", 1, False),
    ],
)
async def test_containment_explains_what_failed(
    tmp_path: Path, output: str, exit_code: int, is_told: bool
) -> None:
    outcome = await run(tmp_path, CommandEnd(output, exit_code), containment=CONTAINED)
    assert ("contained by a box" in outcome.text) is is_told
    assert "contained by" not in (await run(tmp_path, CommandEnd(output, exit_code))).text


async def test_long_output_is_cut_in_the_middle(tmp_path: Path) -> None:
    end = CommandEnd("first\n" + "x" * 100_000 + "\nlast\n", 0)
    outcome = await run(tmp_path, end, result_limit=2000)
    assert len(outcome.text) < 2000
    assert outcome.text.startswith("first\n")
    assert outcome.text.endswith("\nlast\n[Exit code 0.]")
    assert "bytes are left out here" in outcome.text


async def test_output_is_shown_in_a_code_block(tmp_path: Path) -> None:
    outcome = await run(tmp_path, CommandEnd("```\n# no heading", 0))
    assert outcome.shown == (ShownText("````\n```\n# no heading\n````\n\nExit code 0."),)


async def test_a_terminal_stays_shown(tmp_path: Path) -> None:
    class InTerminal(FakeCommands):
        async def run(self, *arguments: Any, **named: Any) -> CommandEnd:
            await named["show"](ShownTerminal("t1"))
            return CommandEnd("out", 0)

    editor = FakeEditor()
    prepared = await prepare(tmp_path, {"command": "make"}, commands=InTerminal())
    assert (await prepared.run(editor)).shown == ()
    shown: list[tuple[Shown, ...]] = [(ShownTerminal("t1"),)]
    assert editor.shown == shown


@pytest.mark.skipif(sys.platform == "win32", reason="for a POSIX shell")
async def test_a_real_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    workspace = make_workspace(tmp_path, commands=LocalCommands())
    prepared = await RunCommand().prepare({"command": "ls; echo $PAGER; false"}, workspace)
    assert isinstance(prepared, Prepared)
    outcome = await prepared.run(FakeEditor())
    assert outcome.text == "file\ncat\n[Exit code 1.]"
