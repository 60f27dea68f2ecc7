"""The tool ``run_command``: shell text, run in the session's folder.

Owns how a command is shown, its environment and time limit, and what the model is told of
its end. Does not own running it (``Commands``), what it is kept from (``Containment``), nor
whether it may run (``acp_agent.permissions``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import (
    Arguments,
    Editor,
    Kind,
    Outcome,
    Prepared,
    read_arguments,
)
from acp_agent.tools.commands.terminal_text import clean, code_block, in_line, make_visible, shorten
from acp_agent.tools.files.paths import show_name
from acp_agent.tools.shown import Shown, ShownTerminal, ShownText
from acp_agent.tools.workspace import CommandEnd, FileProblem, Workspace

OUTPUT_LIMIT = 32 * 1024
"""Bytes of a command's output that the model gets at most, some 10,000 tokens."""
COMMAND_LIMIT = 100_000
"""Characters of a command; Linux takes 128 KiB in one argument."""
LONGEST = 3600
"""Seconds that a command may get."""
PACKAGE_FACTOR = 5
"""A package manager gets this many times the usual time."""

_TITLE_LIMIT = 200
_REST = 512
_WIDE_GAP = re.compile(r"[^\S\n]{8,}")
_WIDTH_SEEN, _LINES_SEEN = 120, 20
"""What of a command is seen without scrolling; of a larger one the user is told the size."""

ENVIRONMENT: Mapping[str, str] = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
    "PYTHONUNBUFFERED": "1",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "safe.bareRepository",
    "GIT_CONFIG_VALUE_0": "explicit",
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
}
"""Nobody can press a key or leave a pager or an editor; and output must not wait in a buffer
when the time is up. git runs no program that a repository inside the project names for it.
``CI`` is not set: it changes what test programs do."""

_NAMES = """
    apk apt apt-get brew bun bundle bundler cabal cargo composer conda corepack dnf dotnet gem
    go gradle gradlew mamba maven micromamba mix mvn mvnw nix npm npx nuget opam pacman pdm
    pip pip3 pipenv pipx pixi pnpm pod poetry port rustup sbt stack swift uv uvx yarn yum
    zypper
"""
_PACKAGE_MANAGERS = frozenset(_NAMES.split())
_SEPARATORS = re.compile(r"&&|\|\||[;|&\n]")
_ASSIGNMENT = re.compile(r"\w+=\S*")
_BEFORE = frozenset({"sudo", "time", "exec", "command", "nice"})
_KEPT_FROM = re.compile(
    "read-only file system|permission denied|operation not permitted|network is unreachable"
    "|could not resolve|name resolution|name or service not known|connection refused"
    "|failed to connect",
    re.IGNORECASE,
)


class RunCommandArguments(Arguments):
    """The arguments of ``run_command``."""

    command: str = Field(min_length=1, max_length=COMMAND_LIMIT)
    cwd: str = Field(default=".", min_length=1)
    timeout: float | None = Field(default=None, ge=0, allow_inf_nan=False)


@dataclass(slots=True, frozen=True)
class _Wanted:
    """A command that can be run."""

    text: str
    directory: Path
    seconds: float


class RunCommand:
    """Runs commands. Implements ``RunnableTool``.

    ``seconds`` is what a command gets that asks for no time of its own.
    """

    tool = Tool(
        "run_command",
        "Run shell text to its end, without input or background processes.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "cwd": {"type": "string"},
                "timeout": {"type": "number", "description": "Seconds"},
            },
            "required": ["command"],
        },
    )
    kind: Kind = "execute"

    def __init__(self, seconds: float = 120.0) -> None:
        self._seconds = seconds

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        command = arguments.get("command")
        return _title(command) if isinstance(command, str) and command else "Run a command"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        given = read_arguments(RunCommandArguments, arguments)
        if isinstance(given, Outcome):
            return given
        if "\0" in given.command:
            return Outcome(
                "The command has a null character, which no command can have.", failed=True
            )
        try:
            directory = workspace.find(given.cwd)
        except FileProblem as problem:
            return Outcome(str(problem), failed=True)
        if not await anyio.to_thread.run_sync(directory.is_dir):
            return Outcome(f"There is no folder {given.cwd!r} to run it in.", failed=True)
        seconds = min(given.timeout or self._time_for(given.command), LONGEST)
        wanted = _Wanted(given.command, directory, seconds)
        contained = workspace.containment.summary
        action = Action("execute", command=given.command, directory=directory, contained=contained)
        shown = ShownText(_describe(wanted))
        return Prepared(action, partial(_run, wanted, workspace), shown=(shown,))

    def _time_for(self, command: str) -> float:
        return self._seconds * (PACKAGE_FACTOR if uses_package_manager(command) else 1)


def uses_package_manager(command: str) -> bool:
    """Whether a part of ``command`` starts with a package manager; a guess, for the time."""
    return any(_first_program(part) in _PACKAGE_MANAGERS for part in _SEPARATORS.split(command))


def _first_program(part: str) -> str:
    words = part.strip("({ \t").split()
    while words and (_ASSIGNMENT.fullmatch(words[0]) or words[0] in _BEFORE):
        words.pop(0)
    name = words[0].rpartition("/")[2] if words else ""
    if name.startswith("python") and words[1:2] == ["-m"]:
        name = "".join(words[2:3])
    return name


def _title(command: str) -> str:
    text = re.sub(r"\s*\n\s*", " ⏎ ", command.strip())
    return in_line(_WIDE_GAP.sub(" … ", text), _TITLE_LIMIT)


def _describe(wanted: _Wanted) -> str:
    """What the user is to allow: every character of the command is seen."""
    where = show_name(str(wanted.directory)).replace("`", "'")
    text = make_visible(wanted.text)
    lines = text.split("\n")
    width = max(map(len, lines))
    is_large = width > _WIDTH_SEEN or len(lines) > _LINES_SEEN
    size = f" It has {len(lines)} lines, of up to {width} characters." if is_large else ""
    return f"{code_block(text, 'sh')}\n\nIn `{where}`.{size}"


async def _run(wanted: _Wanted, workspace: Workspace, editor: Editor) -> Outcome:
    in_terminal = False

    async def show(shown: Shown) -> None:
        nonlocal in_terminal
        in_terminal = isinstance(shown, ShownTerminal)
        await editor.show(shown)

    limit = max(1, min(OUTPUT_LIMIT, workspace.result_limit - _REST))
    wrap = workspace.containment.wrap
    argv = await anyio.to_thread.run_sync(wrap, wanted.text, workspace.roots)
    try:
        end = await workspace.commands.run(
            argv,
            directory=wanted.directory,
            environment=ENVIRONMENT,
            seconds=wanted.seconds,
            output_limit=limit,
            show=show,
        )
    except FileProblem as problem:
        return Outcome(str(problem), failed=True)
    output = shorten(clean(end.output), limit).strip("\n")
    told = tell_end(end, wanted.seconds)
    failed = end.exit_code != 0
    if failed and _KEPT_FROM.search(output) and (contained := workspace.containment.summary):
        told += f" The command was contained by {contained}."
    shown = (ShownText(f"{code_block(output)}\n\n{told}" if output else told),)
    text = f"{output}\n[{told}]" if output else f"[No output. {told}]"
    return Outcome(text, failed=failed, shown=() if in_terminal else shown)


def tell_end(end: CommandEnd, seconds: float) -> str:
    """How a command ended, in a sentence."""
    if end.timed_out:
        return (
            f"Stopped after {seconds:g} seconds, its time limit: "
            "`timeout` can give it more, and what never ends cannot be run."
        )
    if end.exit_code is None:
        return f"Ended by {end.signal or 'a signal'}."
    return f"Exit code {end.exit_code}."
