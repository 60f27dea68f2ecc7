"""Listing folders and finding files by name."""

import os
from pathlib import Path

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.files import glob_files, list_directory
from acp_agent.tools.files.glob_files import Glob
from acp_agent.tools.files.list_directory import ListDirectory
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, prepare, refusal, told

pytestmark = pytest.mark.anyio

LIST = ListDirectory()
GLOB = Glob()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "own").mkdir()
    (root / ".gitignore").write_text("*.log\n")
    for name in ("a.py", "a.log", "src/b.py", "src/deep/c.py", "own/key.py"):
        (root / name).write_text(name)
    (root / "link").symlink_to("src")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.py").touch()
    return root


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root, private=(root / "own",))


async def test_a_folder_is_listed(workspace: Workspace) -> None:
    shallow = ".gitignore\na.py\nlink@\nsrc/\n[not shown: 1 that .gitignore names]"
    assert await told(LIST, workspace) == shallow
    assert await told(LIST, workspace, path="") == shallow
    deep = ".gitignore\na.py\nlink@\nsrc/\n  b.py\n  deep/\n    c.py\n[not shown:"
    assert (await told(LIST, workspace, depth=3)).startswith(deep)
    assert await told(LIST, workspace, path="src") == "b.py\ndeep/"
    assert await told(LIST, workspace, path="link") == "b.py\ndeep/"


async def test_an_empty_folder_is_told(workspace: Workspace, root: Path) -> None:
    (root / "empty").mkdir()
    assert await told(LIST, workspace, path="empty") == "[the folder is empty]"


async def test_odd_names_stay_in_their_line(workspace: Workspace, root: Path) -> None:
    odd = root / "odd"
    odd.mkdir()
    (odd / "a\nb").touch()
    os.close(os.open(os.fsencode(odd) + b"/\xff", os.O_CREAT))
    (odd / "grün").touch()
    assert await told(LIST, workspace, path="odd") == "a\\nb\ngrün\n\\udcff"
    assert (await told(GLOB, workspace, pattern="a*", path="odd")) == "odd/a\\nb"


async def test_much_is_cut(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_directory, "ENTRIES_SHOWN", 2)
    monkeypatch.setattr(glob_files, "FILES_SHOWN", 1)
    text = await told(LIST, workspace)
    assert text.startswith(".gitignore\na.py\n[there is more: list a folder in it, or less deep]")
    text = await told(GLOB, workspace, pattern="*.py")
    assert text == "a.py\n[there is more: narrow the pattern or the path]"
    small = make_workspace(root, result_limit=205)
    assert (await told(LIST, small, path="src")).startswith("b.py\n[there is more")
    assert (await told(GLOB, small, pattern="*.py")).startswith("a.py\n[there is more")


async def test_files_are_found_by_name(workspace: Workspace) -> None:
    assert await told(GLOB, workspace, pattern="*.py") == "a.py\nsrc/b.py\nsrc/deep/c.py"
    assert await told(GLOB, workspace, pattern="**/deep/*") == "src/deep/c.py"
    assert await told(GLOB, workspace, pattern="*.py", path="src/deep") == "src/deep/c.py"
    assert await told(GLOB, workspace, pattern="lin?") == "link"
    assert await told(GLOB, workspace, pattern="*.log") == "No files match."
    assert "usable glob" in await refusal(GLOB, workspace, pattern="[")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("a.py", "'a.py' is a file, not a folder"),
        ("none", "There is no folder 'none'"),
        ("own", "belongs to acp-agent"),
        ("\0", "is not a path"),
        ("x" * 300, "cannot be read"),
    ],
)
async def test_what_cannot_be_listed(workspace: Workspace, path: str, complaint: str) -> None:
    assert complaint in await refusal(LIST, workspace, path=path)
    assert complaint in await refusal(GLOB, workspace, pattern="*", path=path)


@pytest.mark.parametrize(("tool", "arguments"), [(LIST, {}), (GLOB, {"pattern": "*"})])
async def test_a_folder_that_became_a_link_is_not_listed(
    workspace: Workspace, root: Path, tool: ListDirectory | Glob, arguments: dict[str, str]
) -> None:
    (root / "new").mkdir()
    prepared = await prepare(tool, workspace, path="new", **arguments)
    assert prepared.action == Action("read", (root / "new",))
    (root / "new").rmdir()
    (root / "new").symlink_to(root.parent / "elsewhere")
    outcome = await prepared.run(FakeEditor())
    assert outcome.failed
    assert "secret" not in outcome.text


def test_titles() -> None:
    assert LIST.title({}) == "List ."
    assert GLOB.title({"pattern": "*.py"}) == "Find *.py"
    assert GLOB.title({"pattern": "*.py", "path": "src"}) == "Find *.py in src"
