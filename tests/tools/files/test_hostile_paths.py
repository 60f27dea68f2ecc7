"""Hostile paths: what permissions allow inside the session's folders never leads out of them.

Each call is prepared, decided and run as the turn does it, with nobody there to say yes.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from acp_agent.permissions import Allowed, Scope, decide
from acp_agent.tools.base import Outcome, RunnableTool
from acp_agent.tools.files.delete_file import DeleteFile
from acp_agent.tools.files.edit_file import EditFile
from acp_agent.tools.files.glob_files import Glob
from acp_agent.tools.files.list_directory import ListDirectory
from acp_agent.tools.files.move_file import MoveFile
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.search import SearchFiles
from acp_agent.tools.files.write_file import WriteFile
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor

PATHS = 10_000
CONTENT = "c0ntent"
"""Stands in every file outside the roots, and in the agent's own."""
NAME = "n4me"
"""Is part of every name that only a look outside the roots would tell."""

PARTS = [
    "..", ".", "", "~", "~root", "a.txt", "sub", "sub/b.txt", "own", "own/key", "link-out",
    "link-file", "link-up", "link-self", "link-own", "link-in", "link-new", "link-link",
    "link-proc", "outside", "project", "projectile", f"{NAME}.txt", "new", "new/deep/er",
    "\0", "a\nb", "\u2025", "\uff0e\uff0e", "..\u2044", "%2e%2e", "%2e%2e%2f", "..\\", "C:\\", "C:",
    "NUL", "\\\\server\\share", "a:stream", "$HOME", "`id`", "\u202e", "e\u0301", "é", " ",
    ". .", "...", "..;", ".git", ".gitignore", "x" * 255, "x" * 256, "x/" * 40, "-rf", "*", "..\0",
]  # fmt: skip
STARTS = [
    "", "/", "//", "///", "./", "../", "../" * 30, "~/", "file://", "/proc/self/cwd/",
    "/proc/self/root/", "/proc/self/fd/0", "/dev/fd/0", "/dev/null/", "/tmp/../", "{root}/",
    "{root}/../", "{root}ile/", "{outside}/", "{root}/link-out/", "{root}/./sub/../../",
    "/proc/self/root{outside}/", "/proc/self/root{root}/", "/proc/thread-self/root{outside}/",
]  # fmt: skip


INSIDE = ["a.txt", "sub/b.txt", "link-in/b.txt", "{root}/../extra/a.txt"]
OUTSIDE = [
    "../a.txt", "../{name}.txt", "link-file", "link-out/{name}/{name}.txt", "link-link/{name}",
    "link-link/{name}/{name}.txt", "sub/link-up/a.txt", "own/key", "link-own/key", "link-new",
    "/proc/self/root{outside}/{name}/{name}.txt", "{root}/../projectile/{name}.txt",
]  # fmt: skip
SEPARATORS = ["/", "/", "//", "/./", "\\"]


def make_path(random: Random) -> str:
    """A path that is meant to lead out, any text, or, for once, a path that may be used."""
    which = random.random()
    if which < 0.1:
        return random.choice(INSIDE)
    if which < 0.2:
        return random.choice(OUTSIDE).replace("{name}", NAME)
    if which < 0.4:
        codes = (random.choice([0x80, 0x3000, 0xD800]) for _ in range(random.randint(1, 20)))
        return "".join(chr(random.randrange(code)) for code in codes)
    parts = random.choices(PARTS, k=random.randint(0, 5))
    return random.choice(STARTS) + random.choice(SEPARATORS).join(parts)


Make = Callable[[str, str], dict[str, Any]]
READERS: list[tuple[RunnableTool, Make]] = [
    (ReadFile(), lambda first, _: {"path": first}),
    (ListDirectory(), lambda first, _: {"path": first, "depth": 9}),
    (Glob(), lambda first, _: {"path": first, "pattern": "**"}),
    (Glob(), lambda first, second: {"path": first, "pattern": second}),
]
SEARCHES: list[tuple[RunnableTool, Make]] = [
    (SearchFiles(), lambda first, _: {"path": first, "pattern": "."}),
    (SearchFiles(), lambda first, second: {"path": first, "pattern": "t", "glob": second}),
]
WRITERS: list[tuple[RunnableTool, Make]] = [
    (EditFile(), lambda first, _: {"path": first, "old_text": "e", "new_text": "E"}),
    (EditFile(), lambda first, _: {"path": first, "old_text": "c0nte", "new_text": "E"}),
    (EditFile(), lambda first, _: {"path": first, "old_text": "c0ntenT", "new_text": "E"}),
    (WriteFile(), lambda first, _: {"path": first, "content": "written"}),
    (DeleteFile(), lambda first, _: {"path": first}),
    (MoveFile(), lambda first, second: {"source": first, "destination": second}),
    (MoveFile(), lambda first, _: {"source": "a.txt", "destination": first}),
]
CALLS = [*READERS * 3, *SEARCHES, *WRITERS * 3]


class World:
    """A session's folder with every kind of link in it, and what must not be touched."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "project"
        self.outside = base / "outside"
        self.extra = base / "extra"
        self.own = self.root / "own"
        self.make_outside()
        self.untouched = self.snapshot()
        self.make_root()

    def make_outside(self) -> None:
        for folder in (self.outside / NAME, self.base / "projectile"):
            folder.mkdir(parents=True)
            (folder / f"{NAME}.txt").write_text(CONTENT)
        (self.base / f"{NAME}.txt").write_text(CONTENT)
        (self.base / "a.txt").write_text(CONTENT)

    def make_root(self) -> None:
        for folder in (self.root, self.extra):
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "sub").mkdir(parents=True)
            (folder / "a.txt").write_text("text\n")
            (folder / "sub" / "b.txt").write_text("text\n")
        self.own.mkdir()
        (self.own / "key").write_text(CONTENT)
        for name, target in {
            "link-out": self.outside,
            "link-file": self.outside / NAME / f"{NAME}.txt",
            "link-up": "..",
            "link-self": "link-self",
            "link-own": "own",
            "link-in": "sub",
            "link-new": self.outside / "new",
            "link-link": "link-out",
            "link-proc": "/proc/self/cwd",
            "sub/link-up": "../..",
        }.items():
            (self.root / name).symlink_to(target)

    def snapshot(self) -> dict[str, bytes | None]:
        """All that lies outside, with contents."""
        found: dict[str, bytes | None] = {}
        for folder, folders, names in os.walk(self.base):
            if folder == str(self.base):
                folders[:] = [each for each in folders if each not in ("project", "extra")]
            found[folder] = None
            found |= {f"{folder}/{name}": Path(folder, name).read_bytes() for name in names}
        return found

    def is_untouched(self) -> bool:
        """Whether all that lies outside, and the agent's own folder, is as it was."""
        own = [(path.name, path.read_text()) for path in self.own.iterdir()]
        return own == [("key", CONTENT)] and self.snapshot() == self.untouched

    def fill(self, path: str) -> str:
        """``path`` with the folders that it names."""
        return path.replace("{root}", str(self.root)).replace("{outside}", str(self.outside))


async def attempt(world: World, tool: RunnableTool, arguments: Mapping[str, Any]) -> list[Any]:
    """All that the model or the user gets to see of a call that nobody is asked about."""
    workspace = make_workspace(world.root, extra=(world.extra,), private=(world.own,))
    prepared = await tool.prepare(arguments, workspace)
    if isinstance(prepared, Outcome):
        return [prepared]
    scope = Scope(workspace.roots, workspace.private, Path("/nobody"))
    if not isinstance(decide(prepared.action, scope, "accept_edits", ()), Allowed):
        return [prepared.shown]
    return [prepared.shown, await prepared.run(FakeEditor())]


async def check(world: World, random: Random) -> tuple[str, bool]:
    """Makes a call, and looks at what came of it; the tool, and whether it has done it."""
    tool, make = random.choice(CALLS)
    first, second = world.fill(make_path(random)), world.fill(make_path(random))
    name, arguments = tool.tool.name, make(first, second)
    seen = await attempt(world, tool, arguments)
    assert CONTENT not in repr(seen), (name, arguments, seen)
    told = [each.text for each in seen if isinstance(each, Outcome)]
    assert NAME not in str(told) or NAME in first + second, (name, arguments, seen)
    assert world.is_untouched(), (name, arguments, seen)
    if len(seen) == 2 and tool.kind in ("edit", "delete", "move"):
        world.make_root()
    return name, isinstance(seen[-1], Outcome) and not seen[-1].failed


@pytest.mark.slow
@pytest.mark.anyio
async def test_no_file_tool_leaves_the_roots(tmp_path: Path) -> None:
    world, random = World(tmp_path.resolve()), Random(4)
    came = [await check(world, random) for _ in range(PATHS)]
    assert {name for name, is_done in came if is_done} == {tool.tool.name for tool, _ in CALLS}
    assert sum(1 for _, is_done in came if is_done) > PATHS / 20


def test_the_paths_differ() -> None:
    random = Random(4)
    assert len({make_path(random) for _ in range(PATHS)}) > PATHS / 2
