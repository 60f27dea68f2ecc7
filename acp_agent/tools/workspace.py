"""Where the tools of one session work: its folders, its files, its commands.

Owns the session's roots, what the model has seen of which file, and the interfaces behind
which files and commands are the editor's or the machine's own. Does not own what is
allowed (``acp_agent.permissions``), nor any implementation.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from acp_agent.tools.shown import Shown


class FileProblem(Exception):
    """A file cannot be read or written; the text is a sentence for the model."""


@dataclass(slots=True, frozen=True)
class FileText:
    """A text file's content, newlines as they are in the file.

    ``encoding`` (Python's name) and ``has_bom`` are kept when it is written back;
    ``is_exact`` is False where bytes of it could not be decoded: it must not be edited.
    """

    content: str
    encoding: str = "utf-8"
    has_bom: bool = False
    is_exact: bool = True


class Files(Protocol):
    """Text files, by absolute path with all links followed."""

    async def read(self, path: Path) -> FileText:
        """The whole file, with the editor's unsaved changes where it has them.

        Raises:
            FileProblem: there is none, it is no text, too large, or not readable.
        """
        ...

    async def write(self, path: Path, text: FileText) -> None:
        """Writes the file whole or not at all; folders on the way are made.

        Raises:
            FileProblem: it cannot be written.
        """
        ...


@dataclass(slots=True, frozen=True)
class CommandEnd:
    """How a command ended. ``output`` is stdout and stderr as they came, head and tail of it
    where it is long (a line between them says what is missing).

    ``exit_code`` is None where a signal ended it (``signal`` names it) or ``timed_out``.
    """

    output: str
    exit_code: int | None = None
    signal: str = ""
    timed_out: bool = False


class Commands(Protocol):
    """Runs programs: in the editor's terminal, or as a process of ours."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        seconds: float,
        output_limit: int,
        show: Callable[[Shown], Awaitable[None]],
    ) -> CommandEnd:
        """Runs ``argv`` to its end, for at most ``seconds``.

        ``show`` is given what the user can watch it by (the terminal, the output so far).
        ``environment`` is added to the process's own. Cancelling kills the program and all
        that it started, and releases the terminal, before it returns.

        Raises:
            FileProblem: it could not be started.
        """
        ...


class Containment(Protocol):
    """What the system keeps a command from."""

    @property
    def summary(self) -> str:
        """In words for the user and the model; empty where there is none."""
        ...

    def wrap(self, shell_text: str, writable: Sequence[Path]) -> list[str]:
        """The program and arguments that run ``shell_text`` in a shell, writing only below
        ``writable`` and the temporary folders."""
        ...


@dataclass(slots=True, eq=False)
class Workspace:
    """A session's. ``root`` is its folder, ``extra`` its additional ones; ``private`` holds
    the agent's own folders, which no tool may touch. All are absolute, links followed.

    ``result_limit`` are the bytes of text that one call may give the model.
    """

    root: Path
    files: Files
    commands: Commands
    containment: Containment
    extra: tuple[Path, ...] = ()
    private: tuple[Path, ...] = ()
    result_limit: int = 64 * 1024
    _seen: dict[Path, str] = field(default_factory=dict[Path, str])

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that are the session's, its own first."""
        return (self.root, *self.extra)

    def find(self, path: str) -> Path:
        """``path`` (relative to the session's folder, or absolute; ``~`` is nobody's home)
        with all links followed. It may lie anywhere: permissions decide.

        Raises:
            FileProblem: it is no path.
        """
        try:
            return (self.root / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise FileProblem(f"{path!r} is not a path.") from error

    def name(self, path: Path) -> str:
        """``path`` as the model knows it: relative to the session's folder where it is below."""
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)

    def note_seen(self, path: Path, content: str) -> None:
        """The model knows the file with this content from now on."""
        self._seen[path] = _digest(content)

    def has_seen(self, path: Path) -> bool:
        """Whether the model has read or written the file in this session."""
        return path in self._seen

    def is_current(self, path: Path, content: str) -> bool:
        """Whether ``content`` is what the model last knew of the file."""
        return self._seen.get(path) == _digest(content)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
