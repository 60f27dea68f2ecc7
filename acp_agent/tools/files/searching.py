"""Searching the content of files: ripgrep where there is one, else a Python process.

Owns both programs: how they are run, bounded and read. Does not own what a model is told
(``search``). Neither follows links, and both leave out what ``.gitignore`` names, version
control and the agent's own folders.
Source: https://docs.rs/grep-printer/latest/grep_printer/struct.JSON.html (ripgrep's output)
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

from acp_agent.tools.files.globs import compile_glob
from acp_agent.tools.files.ignore import find_top
from acp_agent.tools.files.local_files import SIZE_LIMIT
from acp_agent.tools.files.walk import VERSION_CONTROL
from acp_agent.tools.workspace import FileProblem

MATCH_LIMIT = 200
"""Matches after which a search ends."""
SECONDS = 20.0
"""How long one program may take."""


@dataclass(slots=True, frozen=True)
class Search:
    """What is looked for: ``pattern`` in the files below ``folder``, or in its ``file``.

    ``folder`` is absolute, links followed; ``glob`` is empty for all files.
    """

    pattern: str
    folder: Path
    file: str = ""
    glob: str = ""
    roots: tuple[Path, ...] = ()
    private: tuple[Path, ...] = ()


@dataclass(slots=True, frozen=True)
class Match:
    """A line with a match; ``path`` is relative to the search's folder, ``line`` from 1."""

    path: str
    line: int
    text: str
    start: int


@dataclass(slots=True)
class Found:
    """``problem`` says why the pattern cannot be used; ``cut`` why there may be more."""

    matches: list[Match] = field(default_factory=list[Match])
    problem: str = ""
    cut: str = ""
    is_whole: bool = False


async def find_matches(search: Search) -> Found:
    """Runs ``search``.

    Raises:
        FileProblem: the glob is not usable, or no program could be started.
    """
    is_wanted = compile_glob(search.glob) if search.glob and not search.file else None
    ripgrep = shutil.which("rg")
    if ripgrep is not None:
        command = _ripgrep_command(ripgrep, search)
        found = await _run(command, b"", search.folder, _ripgrep_reader(is_wanted))
        if found.matches and not found.is_whole:
            found.cut = found.cut or "the search ended early"
        if found.is_whole or found.cut:
            return found
    # ripgrep's patterns know less: no look-around, no references.
    command = [sys.executable, "-P", "-m", "acp_agent.tools.files.search_worker"]
    found = await _run(command, _request(search), search.folder, _take_own)
    if not (found.is_whole or found.cut or found.problem):
        raise FileProblem("The search could not be made; use run_command with grep.")
    return found


def _ripgrep_command(program: str, search: Search) -> list[str]:
    options = [
        "--no-config", "--json", "--no-messages", "--hidden", "--no-require-git",
        "--no-ignore-global", "--no-ignore-dot", "--sort=path", "--engine=auto", "--crlf",
        f"--max-filesize={SIZE_LIMIT}", f"--max-count={MATCH_LIMIT + 1}",
    ]  # fmt: skip
    if find_top(search.folder, search.roots) == search.folder:
        options.append("--no-ignore-parent")
    left_out = [*sorted(VERSION_CONTROL), *_private_below(search)]
    options += [f"--iglob=!{each}" for each in left_out]
    return [program, *options, f"--regexp={search.pattern}", "--", f"./{search.file}"]


def _private_below(search: Search) -> list[str]:
    below = [each for each in search.private if each.is_relative_to(search.folder)]
    return [f"/{_quote(each.relative_to(search.folder).as_posix())}" for each in below]


def _quote(path: str) -> str:
    return "".join(f"[{each}]" if each in "*?[{" else each for each in path)


def _request(search: Search) -> bytes:
    wanted = {
        "pattern": search.pattern,
        "folder": str(search.folder),
        "file": search.file,
        "glob": search.glob,
        "roots": [str(each) for each in search.roots],
        "private": [str(each) for each in search.private],
        "size_limit": SIZE_LIMIT,
    }
    return json.dumps(wanted).encode()


Take = Callable[[dict[str, Any], Found], None]


async def _run(command: list[str], request: bytes, folder: Path, take: Take) -> Found:
    """Runs ``command`` until it ends or a bound is reached; it is gone afterwards."""
    found = Found()
    process = await _start(command, folder, takes_input=bool(request))
    if process is None:
        return found
    is_done = False
    try:
        with anyio.move_on_after(SECONDS) as scope:
            is_done = await _read(process, request, found, take)
        if scope.cancelled_caught:
            found.cut = f"the search was ended after {SECONDS:g} s"
    finally:
        await _end(process, is_done=is_done)
    return found


async def _start(command: list[str], folder: Path, *, takes_input: bool) -> Process | None:
    """The running ``command``, None where it cannot be started."""
    stdin = subprocess.PIPE if takes_input else subprocess.DEVNULL
    with anyio.CancelScope(shield=True), suppress(OSError):
        return await anyio.open_process(command, stdin=stdin, stderr=subprocess.DEVNULL, cwd=folder)
    return None


async def _read(process: Process, request: bytes, found: Found, take: Take) -> bool:
    """Reads to the end; False where there would be more."""
    if process.stdin is not None:
        with suppress(anyio.BrokenResourceError):
            await process.stdin.send(request)
            await process.stdin.aclose()
    async with aclosing(_lines(process)) as lines:
        async for line in lines:
            take(json.loads(line), found)
            if len(found.matches) > MATCH_LIMIT:
                del found.matches[MATCH_LIMIT:]
                found.cut = f"these are the first {MATCH_LIMIT} matches"
                return False
    return True


async def _end(process: Process, *, is_done: bool) -> None:
    with anyio.CancelScope(shield=True):
        if process.returncode is None and not is_done:
            with suppress(ProcessLookupError):
                # Not process.kill(): that may take the exit status from the event loop.
                os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        await process.aclose()


async def _lines(process: Process) -> AsyncGenerator[bytes, None]:
    """The whole lines of the output."""
    assert process.stdout is not None
    kept: list[bytes] = []
    async for chunk in process.stdout:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield b"".join([*kept, line])
            kept.clear()
        kept.append(rest)


def _ripgrep_reader(is_wanted: Callable[[str], bool] | None) -> Take:
    """Reads a message of ripgrep; it is not told the glob, which would lift ``.gitignore``."""

    def take(message: dict[str, Any], found: Found) -> None:
        if message["type"] == "summary":
            found.is_whole = True
        if message["type"] != "match":
            return
        data = message["data"]
        path = _decode(data["path"]).decode("utf-8", "surrogateescape").removeprefix("./")
        if is_wanted is None or is_wanted(path):
            found.matches.append(_read_match(path, data))

    return take


def _read_match(path: str, data: dict[str, Any]) -> Match:
    line = _decode(data["lines"]).rstrip(b"\r\n")
    encoding = "utf-8" if "text" in data["lines"] else "cp1252"
    start = data["submatches"][0]["start"] if data["submatches"] else 0
    before = line[:start].decode(encoding, "replace")
    return Match(path, data["line_number"], line.decode(encoding, "replace"), len(before))


def _decode(value: dict[str, str]) -> bytes:
    """Text, or bytes where it is none, as ripgrep writes them."""
    return value["text"].encode() if "text" in value else base64.b64decode(value["bytes"])


def _take_own(message: dict[str, Any], found: Found) -> None:
    if "problem" in message:
        found.problem = message["problem"]
    elif "end" in message:
        found.is_whole = True
    else:
        found.matches.append(Match(**message))
