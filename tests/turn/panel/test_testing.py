"""Running the user's test command on a candidate's code."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from acp_agent.config.panel_settings import PanelSettings
from acp_agent.errors import ConfigError
from acp_agent.sessions.session import Session
from acp_agent.tools.actions import Grant
from acp_agent.tools.commands.local_commands import LocalCommands
from acp_agent.tools.workspace import CommandEnd, Commands, FileProblem
from acp_agent.turn.panel.testing import SECONDS, make_tester
from acp_agent.turn.panel.verdict import RunTest
from tests.fixtures.workspace import FakeCommands, FakeContainment, make_workspace

pytestmark = pytest.mark.anyio

PATIENCE = 20.0


class NotedContainment(FakeContainment):
    """Notes what it is told may be written."""

    def __init__(self) -> None:
        super().__init__("a box")
        self.writable: list[Path] = []

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        self.writable += writable
        return super().wrap(shell_text, writable)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The project, and the folder that temporary folders are made in."""
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    project.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return project, temporary


def session_in(project: Path, commands: Commands) -> Session:
    session = Session("s1", str(project), "panel")
    session.workspace = make_workspace(project, commands=commands, containment=NotedContainment())
    return session


def run_in(session: Session, command: str = "check {file}", deadline: float = 120.0) -> RunTest:
    made = make_tester(PanelSettings(test_command=command, deadline=deadline), session)
    assert made is not None
    return made


def test_without_a_command_nothing_is_tested(folders: tuple[Path, Path]) -> None:
    assert make_tester(PanelSettings(), session_in(folders[0], FakeCommands())) is None


def test_a_command_without_the_file_is_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match=r"has no \{file\}"):
        run_in(session_in(folders[0], FakeCommands()), "pytest")


async def test_the_code_is_run_for_real_in_a_file_that_is_gone_afterwards(
    folders: tuple[Path, Path],
) -> None:
    project, temporary = folders
    run_test = run_in(session_in(project, LocalCommands()), f"{sys.executable} {{file}}")
    code = "import os, sys\nprint(os.getcwd(), sys.argv[0], 'took 0.12 s')\nsys.exit(3)"
    with anyio.fail_after(PATIENCE):
        ended = await run_test(code, "python")
    assert (ended.exit_code, ended.has_passed, ended.did_run) == (3, False, True)
    assert ended.output == f"{project.resolve()} answer.py took #s"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("spelled", ["{file}", '"{file}"', "'{file}'"])
async def test_a_folder_with_spaces_is_one_word_whether_the_user_quotes_it_or_not(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    spaced = folders[1] / "with a 'space"
    spaced.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spaced))
    run_test = run_in(session_in(folders[0], LocalCommands()), f"{sys.executable} {spelled}")
    with anyio.fail_after(PATIENCE):
        ended = await run_test("print('ran')", "python")
    assert (ended.exit_code, ended.output) == (0, "ran")


async def test_where_no_file_can_be_written_the_code_does_not_run_and_says_why(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    ended = await run_in(session_in(folders[0], FakeCommands()))("print(1)", "python")
    assert not ended.did_run
    assert "(No space left on device)" in ended.problem
    assert list(folders[1].iterdir()) == []


async def test_equal_code_gives_equal_output(folders: tuple[Path, Path]) -> None:
    run_test = run_in(session_in(folders[0], LocalCommands()), f"{sys.executable} {{file}}")
    with anyio.fail_after(PATIENCE):
        runs = [await run_test("print(__file__, object())", "python") for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0].has_passed


async def test_the_file_is_the_users_own_and_named_for_its_language(
    folders: tuple[Path, Path],
) -> None:
    project, temporary = folders
    seen: list[tuple[str, str, int]] = []

    class LookingCommands(FakeCommands):
        async def run(self, argv: Sequence[str], **options: object) -> CommandEnd:  # pyright: ignore[reportIncompatibleMethodOverride]
            file = Path(argv[-1].removeprefix("check "))
            seen.append((file.name, file.read_text(), file.parent.stat().st_mode & 0o777))
            assert file.parent.parent == temporary.resolve()
            return CommandEnd("", 0)

    session = session_in(project, LookingCommands())
    assert (await run_in(session)("fn main() {}", "rust")).has_passed
    assert (await run_in(session)("?", "")).has_passed
    assert seen == [("answer.rs", "fn main() {}\n", 0o700), ("answer.txt", "?\n", 0o700)]
    assert session.workspace is not None
    containment = session.workspace.containment
    assert isinstance(containment, NotedContainment)
    assert len(containment.writable) == 2
    assert all(path.parent == temporary.resolve() for path in containment.writable)


async def test_the_folder_is_gone_after_a_cancel(folders: tuple[Path, Path]) -> None:
    project, temporary = folders
    begun = anyio.Event()

    class Endless(FakeCommands):
        async def run(self, argv: Sequence[str], **options: object) -> CommandEnd:  # pyright: ignore[reportIncompatibleMethodOverride]
            begun.set()
            await anyio.sleep_forever()
            raise AssertionError

    run_test = run_in(session_in(project, Endless()))

    async def run() -> None:
        await run_test("x", "python")

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await begun.wait()
            assert len(list(temporary.iterdir())) == 1
            tasks.cancel_scope.cancel()
    assert list(temporary.iterdir()) == []


async def test_a_read_only_session_runs_nothing(folders: tuple[Path, Path]) -> None:
    commands = FakeCommands()
    session = session_in(folders[0], commands)
    session.permissions = "read_only"
    ended = await run_in(session)("x", "python")
    assert (ended.did_run, ended.has_passed, commands.ran) == (False, False, [])
    assert ended.problem == "The session is read-only, so the tests did not run."


async def test_what_the_user_refused_before_does_not_run(folders: tuple[Path, Path]) -> None:
    commands = FakeCommands()
    session = session_in(folders[0], commands)
    session.grants.append(Grant("execute", False, prefix=("check",)))
    ended = await run_in(session)("x", "python")
    assert "refuses the test command" in ended.problem
    assert commands.ran == []


@pytest.mark.parametrize("mode", ["ask", "accept_edits", "full"])
async def test_what_the_user_configured_runs_unasked(mode: str, folders: tuple[Path, Path]) -> None:
    commands = FakeCommands()
    session = session_in(folders[0], commands)
    session.permissions = mode  # pyright: ignore[reportAttributeAccessIssue]
    assert (await run_in(session)("x", "python")).has_passed
    assert len(commands.ran) == 1
    assert commands.ran[0].directory == folders[0].resolve()


@pytest.mark.parametrize(("deadline", "seconds"), [(5.0, 5.0), (500.0, SECONDS)])
async def test_a_test_has_a_time_limit(
    deadline: float, seconds: float, folders: tuple[Path, Path]
) -> None:
    commands = FakeCommands(end=CommandEnd("so far", timed_out=True))
    ended = await run_in(session_in(folders[0], commands), deadline=deadline)("x", "python")
    assert commands.ran[0].seconds == seconds
    assert (ended.exit_code, ended.did_run) == (None, True)
    assert ended.problem == f"The test was stopped after {seconds:g} seconds."


async def test_a_signal_and_a_missing_program_are_told(folders: tuple[Path, Path]) -> None:
    commands = FakeCommands(ends=[CommandEnd("", signal="SIGSEGV"), FileProblem("No shell.")])
    run_test = run_in(session_in(folders[0], commands))
    ended = await run_test("x", "python")
    assert (ended.did_run, ended.problem) == (True, "The test was ended by SIGSEGV.")
    ended = await run_test("x", "python")
    assert (ended.did_run, ended.problem) == (False, "No shell.")


async def test_without_a_folder_nothing_runs() -> None:
    ended = await run_in(Session("s1", "/", "panel"))("x", "python")
    assert not ended.did_run
