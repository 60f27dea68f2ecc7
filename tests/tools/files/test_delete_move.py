"""Deleting and moving: one entry, never what a link leads to, nothing overwritten."""

import os
from pathlib import Path

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.files.delete_file import DeleteFile
from acp_agent.tools.files.move_file import MoveFile
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, prepare, refusal, told

pytestmark = pytest.mark.anyio

DELETE = DeleteFile()
MOVE = MoveFile()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "project"
    (root / "folder").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "own").mkdir()
    (root / "extra").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("a", "b", "folder/c", "../elsewhere/secret"):
        (root / name).write_text(name)
    (root / "link").symlink_to("a")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    return root


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root, private=(root / "own",), extra=(root / "extra",))


async def test_the_user_sees_the_whole_path(workspace: Workspace, root: Path) -> None:
    name = "x/../" * 40 + "a"
    for prepared in (
        await prepare(DELETE, workspace, path=name),
        await prepare(MOVE, workspace, source=name, destination="folder/\u202eb\nc"),
    ):
        (shown,) = prepared.shown
        assert isinstance(shown, ShownText)
        assert f"\n{root / 'a'}\n" in shown.text
    assert f"\n{root / 'folder'}/\\u202eb\\nc\n" in shown.text
    assert DELETE.title({"path": "y" * 500 + "\u202e/end"}).endswith("\\u202e/end")


@pytest.mark.parametrize("path", ["a", "empty", "link", "out", "out/", "folder/../a", "folder//c"])
async def test_an_entry_is_deleted(workspace: Workspace, root: Path, path: str) -> None:
    prepared = await prepare(DELETE, workspace, path=path)
    entry = Path(os.path.normpath(root / path))
    assert prepared.action == Action("edit", (entry,))
    assert entry.is_symlink() or entry.exists()
    before = sum(1 for _ in root.rglob("*"))
    outcome = await prepared.run(FakeEditor())
    assert outcome.text == f"Deleted {path!r}."
    assert not entry.is_symlink()
    assert sum(1 for _ in root.rglob("*")) == before - 1
    assert (root.parent / "elsewhere" / "secret").exists()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("folder", "'folder' is not empty: delete what is in it first."),
        ("none", "There is no file 'none'"),
        (".", "has no name of its own"),
        ("/", "has no name of its own"),
        ("folder/..", "has no name of its own"),
        ("../project", "holds a folder of this session"),
        ("extra", "holds a folder of this session"),
        ("own", "belongs to acp-agent"),
        ("own/key", "belongs to acp-agent"),
        ("a/b", "There is no file"),
        ("a\0", "is not a path"),
        ("x" * 300, "There is no file"),
    ],
)
async def test_what_is_not_deleted(
    workspace: Workspace, root: Path, path: str, complaint: str
) -> None:
    before = sorted(root.rglob("*"))
    assert complaint in await refusal(DELETE, workspace, path=path)
    assert sorted(root.rglob("*")) == before


async def test_what_a_link_leads_to_is_named(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(DELETE, workspace, path="out/secret")
    assert prepared.action.paths == (root.parent / "elsewhere" / "secret",)


@pytest.mark.parametrize("source", ["a", "folder", "link"])
async def test_an_entry_is_moved(workspace: Workspace, root: Path, source: str) -> None:
    prepared = await prepare(MOVE, workspace, source=source, destination="new/place")
    assert prepared.action == Action("edit", (root / source, root / "new" / "place"))
    assert not (root / "new").exists()
    outcome = await prepared.run(FakeEditor())
    assert outcome.text == f"Moved {source!r} to 'new/place'."
    assert not (root / source).is_symlink()
    assert not (root / source).exists()
    assert (root / "new" / "place").is_symlink() == (source == "link")
    assert (root / "new" / "place").is_dir() == (source == "folder")


@pytest.mark.parametrize(
    ("source", "destination", "complaint"),
    [
        ("a", "b", "'b' exists already; give a path that is free."),
        ("a", "link", "exists already"),
        ("a", "empty", "exists already"),
        ("a", "a", "to itself"),
        ("folder", "folder/deeper", "into itself"),
        ("none", "x", "There is no file 'none'"),
        ("a", "b/c", "'b' is a file, not a folder"),
        ("a", "own/x", "belongs to acp-agent"),
        ("own", "x", "belongs to acp-agent"),
        ("extra", "x", "holds a folder of this session"),
        ("a", "..", "no name of its own"),
        ("a", "", "no name of its own"),
    ],
)
async def test_what_is_not_moved(
    workspace: Workspace, root: Path, source: str, destination: str, complaint: str
) -> None:
    before = sorted(root.rglob("*"))
    assert complaint in await refusal(MOVE, workspace, source=source, destination=destination)
    assert sorted(root.rglob("*")) == before


async def test_the_case_of_a_name_may_change(workspace: Workspace, root: Path) -> None:
    await told(MOVE, workspace, source="a", destination="A")
    assert "A" in os.listdir(root)
    assert "a" not in os.listdir(root)


async def test_two_names_of_one_file_are_two(workspace: Workspace, root: Path) -> None:
    os.link(root / "a", root / "twin")
    text = await refusal(MOVE, workspace, source="a", destination="twin")
    assert "exists already" in text


async def test_another_disk_is_told(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", fail)
    text = await refusal(MOVE, workspace, source="a", destination="x")
    assert "on different disks; use run_command with mv" in text


@pytest.mark.parametrize("source", ["folder/c", "a"])
async def test_a_folder_that_became_a_link_is_not_followed(
    workspace: Workspace, root: Path, source: str
) -> None:
    elsewhere = root.parent / "elsewhere"
    (elsewhere / "c").write_text("c")
    move = await prepare(MOVE, workspace, source=source, destination="folder/x")
    delete = await prepare(DELETE, workspace, path="folder/c")
    (root / "folder").rename(root / "aside")
    (root / "folder").symlink_to(elsewhere)
    for prepared in (move, delete):
        outcome = await prepared.run(FakeEditor())
        assert outcome.failed
        assert "leads elsewhere now" in outcome.text
    assert sorted(os.listdir(elsewhere)) == ["c", "secret"]


async def test_what_appears_while_the_user_is_asked_stays(workspace: Workspace, root: Path) -> None:
    move = await prepare(MOVE, workspace, source="a", destination="x")
    (root / "x").write_text("by the user")
    assert (await move.run(FakeEditor())).failed
    assert (root / "x").read_text() == "by the user"
    delete = await prepare(DELETE, workspace, path="empty")
    (root / "empty" / "new").write_text("by the user")
    assert (await delete.run(FakeEditor())).failed
    assert (root / "empty" / "new").exists()
