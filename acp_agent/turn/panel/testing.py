"""Running the user's test command on a candidate's code.

Owns the file that the code is put into, the command's limits, and making output comparable.
Does not own how commands run (``tools/commands``), what they are kept from
(``workspace.containment``), nor what follows from a test (``strategies``).

The user has allowed the command by writing it into the configuration, so nothing is asked
here; what the session refuses (read-only, a command refused before) does not run. Contained,
the code can write only into its own folder and the temporary ones: not into the project.
"""

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.config.panel_settings import PanelSettings
from acp_agent.errors import ConfigError
from acp_agent.permissions import Denied, Scope, decide
from acp_agent.sessions.session import Session
from acp_agent.tools.actions import Action
from acp_agent.tools.commands.run_command import ENVIRONMENT
from acp_agent.tools.commands.terminal_text import clean
from acp_agent.tools.shown import Shown
from acp_agent.tools.workspace import CommandEnd, FileProblem, Workspace
from acp_agent.turn.panel.verdict import RunTest, TestRun

SECONDS = 60.0
"""What a test gets at most; less where the panel's deadline is shorter."""
OUTPUT_LIMIT = 16 * 1024
PLACEHOLDER = "{file}"

_SUFFIXES = {
    "python": ".py",
    "javascript": ".js",
    "typescript": ".ts",
    "rust": ".rs",
    "go": ".go",
    "java": ".java",
    "kotlin": ".kt",
    "c": ".c",
    "cpp": ".cpp",
    "csharp": ".cs",
    "ruby": ".rb",
    "php": ".php",
    "swift": ".swift",
    "bash": ".sh",
    "sh": ".sh",
    "shell": ".sh",
    "sql": ".sql",
    "html": ".html",
    "css": ".css",
    "lua": ".lua",
    "perl": ".pl",
    "r": ".r",
    "json": ".json",
    "toml": ".toml",
    "yaml": ".yaml",
    "xml": ".xml",
}
_VARYING = (
    (re.compile(r"\b\d+(?:\.\d+)?\s?(?:m?s|secs?|seconds)\b"), "#s"),
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "0x#"),
)
"""What differs from run to run of the same program: times and addresses."""


def make_tester(settings: PanelSettings, session: Session) -> RunTest | None:
    """What runs ``settings.test_command`` in ``session``; None where there is no command.

    Raises:
        ConfigError: the command does not say where the file goes.
    """
    command = settings.test_command
    if command is None:
        return None
    if PLACEHOLDER not in command:
        raise ConfigError(
            f"panel.test_command has no {PLACEHOLDER}, so it cannot test an answer: write "
            f"{PLACEHOLDER} where the file with the answer's code goes."
        )
    seconds = min(settings.deadline, SECONDS)

    async def run_test(code: str, language: str) -> TestRun:
        workspace = session.workspace
        if workspace is None:
            return _not_run("There is no folder to run the tests in.")
        try:
            async with _kept(code, language) as file:
                text = _insert(command, file)
                refused = _find_refusal(session, workspace, text)
                if refused:
                    return _not_run(refused)
                return await _run(text, file, workspace, seconds)
        except FileProblem as problem:
            return _not_run(str(problem))

    return run_test


def _not_run(problem: str) -> TestRun:
    return TestRun(None, problem=problem, did_run=False)


def _find_refusal(session: Session, workspace: Workspace, text: str) -> str:
    """Why the session does not let ``text`` run; empty where it does."""
    if session.permissions == "read_only":
        return "The session is read-only, so the tests did not run."
    contained = workspace.containment.summary
    action = Action("execute", command=text, directory=workspace.root, contained=contained)
    scope = Scope(workspace.roots, workspace.private, _find_home())
    if isinstance(decide(action, scope, session.permissions, session.grants), Denied):
        return "This session refuses the test command, so the tests did not run."
    return ""


def _find_home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


async def _run(text: str, file: Path, workspace: Workspace, seconds: float) -> TestRun:
    argv = await anyio.to_thread.run_sync(workspace.containment.wrap, text, [file.parent])
    end = await workspace.commands.run(
        argv,
        directory=workspace.root,
        environment={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
        seconds=seconds,
        output_limit=OUTPUT_LIMIT,
        show=_show_nothing,
    )
    return TestRun(end.exit_code, _compare(end.output, file), _explain(end, seconds))


async def _show_nothing(shown: Shown) -> None:
    """What a test writes is not shown while it runs: there may be many."""
    del shown


def _explain(end: CommandEnd, seconds: float) -> str:
    if end.timed_out:
        return f"The test was stopped after {seconds:g} seconds."
    if end.exit_code is None:
        return f"The test was ended by {end.signal or 'a signal'}."
    return ""


def _compare(output: str, file: Path) -> str:
    """``output`` as that of another candidate's equal code would be."""
    text = clean(output).replace(str(file), file.name).replace(str(file.parent), "")
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _insert(command: str, file: Path) -> str:
    """``command`` with ``file`` as one word of it, whether or not the user quoted it too."""
    for spelled in (f'"{PLACEHOLDER}"', f"'{PLACEHOLDER}'"):
        command = command.replace(spelled, PLACEHOLDER)
    return command.replace(PLACEHOLDER, _quote(file))


def _quote(file: Path) -> str:
    """``file`` as a word of the shell that commands run in."""
    if sys.platform == "win32":
        return "'" + str(file).replace("'", "''") + "'"
    return shlex.quote(str(file))


def _write(code: str, language: str) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix="acp-agent-panel-")).resolve()
        file = folder / f"answer{_SUFFIXES.get(language, '.txt')}"
        try:
            file.write_text(code + "\n", encoding="utf-8", errors="replace")
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileProblem(
            f"The code could not be written to a temporary file ({reason}), so it did not run."
        ) from error
    return file


@asynccontextmanager
async def _kept(code: str, language: str) -> AsyncGenerator[Path]:
    """A file with ``code`` in a folder of its own, for this user only; removed afterwards.

    Raises FileProblem where there can be none.
    """
    # A thread's work is not cut off by a cancel, and its folder would be left.
    file = await anyio.to_thread.run_sync(_write, code, language)
    try:
        yield file
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(shutil.rmtree, file.parent, True)
