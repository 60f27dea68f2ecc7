"""Writing whole files: new ones, and those that the model knows."""

from pathlib import Path

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Outcome, Place
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.write_file import WriteFile
from acp_agent.tools.shown import ShownDiff
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, call, prepare, refusal, told

pytestmark = pytest.mark.anyio

WRITE = WriteFile()
READ = ReadFile()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root)


async def test_a_new_file_is_written(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(WRITE, workspace, path="src/new.py", content="a = 1\nb = 2\n")
    path = root / "src" / "new.py"
    diff = ShownDiff(str(path), None, "a = 1\nb = 2\n")
    assert prepared.action == Action("edit", (path,))
    assert (prepared.shown, prepared.places) == ((diff,), (Place(str(path), 1),))
    assert not path.parent.exists()
    outcome = await prepared.run(FakeEditor())
    told_so = "Wrote 'src/new.py', a new file of 2 lines."
    assert outcome == Outcome(told_so, shown=(diff,))
    assert path.read_text() == "a = 1\nb = 2\n"


async def test_what_was_written_is_known(workspace: Workspace, root: Path) -> None:
    await told(WRITE, workspace, path="a", content="1\n2\n3\n")
    text = await told(WRITE, workspace, path="a", content="1\n2\n4\n")
    assert text == "Wrote 'a'; the first change is at line 3."
    (root / "a").write_text("by the user")
    assert "changed since" in await refusal(WRITE, workspace, path="a", content="5")
    assert (root / "a").read_text() == "by the user"


async def test_nothing_unread_is_overwritten(workspace: Workspace, root: Path) -> None:
    (root / "a").write_text("old")
    text = await refusal(WRITE, workspace, path="a", content="new")
    assert text == "'a' exists, and you have not read it: read it first."
    await told(READ, workspace, path="a")
    await told(WRITE, workspace, path="a", content="new")
    assert (root / "a").read_text() == "new"


async def test_the_same_content_is_no_change(workspace: Workspace, root: Path) -> None:
    (root / "a").write_text("old")
    await told(READ, workspace, path="a")
    outcome = await call(WRITE, workspace, path="a", content="old")
    assert outcome == Outcome("'a' has this content already; nothing was changed.")


async def test_encoding_line_ends_and_mode_stay(workspace: Workspace, root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    path.chmod(0o755)
    await told(READ, workspace, path="a")
    await told(WRITE, workspace, path="a", content="one\nthree\n")
    assert path.read_bytes() == b"\xef\xbb\xbfone\r\nthree\r\n"
    assert path.stat().st_mode & 0o777 == 0o755
    path.write_bytes(b"caf\xe9\n")
    await told(READ, workspace, path="a")
    text = await refusal(WRITE, workspace, path="a", content="→\n")
    assert "not in its encoding, cp1252" in text
    assert path.read_bytes() == b"caf\xe9\n"


async def test_a_file_made_while_the_user_is_asked_stays(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(WRITE, workspace, path="a", content="new")
    (root / "a").write_text("by the user")
    outcome = await prepared.run(FakeEditor())
    assert outcome.failed
    assert "has changed since this change was prepared" in outcome.text
    assert (root / "a").read_text() == "by the user"


async def test_a_folder_that_became_a_link_is_not_followed(
    workspace: Workspace, root: Path
) -> None:
    (root / "folder").mkdir()
    (root / "other").mkdir()
    prepared = await prepare(WRITE, workspace, path="folder/a", content="new")
    (root / "folder").rmdir()
    (root / "folder").symlink_to("other")
    outcome = await prepared.run(FakeEditor())
    assert outcome.failed
    assert not (root / "other" / "a").exists()


async def test_a_link_to_a_new_file_leads_there(workspace: Workspace, root: Path) -> None:
    (root / "link").symlink_to("target")
    prepared = await prepare(WRITE, workspace, path="link", content="new")
    assert prepared.action.paths == (root / "target",)
    await prepared.run(FakeEditor())
    assert (root / "link").is_symlink()
    assert (root / "target").read_text() == "new"


@pytest.mark.parametrize("data", [b"\0\1\2", b"\xc3\xa4\xc3\xa4\xff"])
async def test_what_is_no_text_is_not_overwritten(
    workspace: Workspace, root: Path, data: bytes
) -> None:
    (root / "a").write_bytes(data)
    await call(READ, workspace, path="a")
    await refusal(WRITE, workspace, path="a", content="new")
    assert (root / "a").read_bytes() == data


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("folder", "exists, and you have not read it"),
        ("file/below", "'file' is a file, not a folder"),
        ("x" * 300, "cannot be written: File name too long"),
        ("own/key", "belongs to acp-agent"),
    ],
)
async def test_where_nothing_can_be_written(root: Path, path: str, complaint: str) -> None:
    (root / "folder").mkdir()
    (root / "own").mkdir()
    (root / "file").touch()
    workspace = make_workspace(root, private=(root / "own",))
    assert complaint in await refusal(WRITE, workspace, path=path, content="x")
