"""Editing: exact, read again, never over a change that the model has not seen."""

from pathlib import Path

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Outcome, Place
from acp_agent.tools.files.edit_file import EditFile
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.write_file import WriteFile
from acp_agent.tools.shown import ShownDiff
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, call, prepare, refusal, told

pytestmark = pytest.mark.anyio

EDIT = EditFile()
CODE = "def f():\n    return 1\n\ndef g():\n    return 1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text(CODE)
    return tmp_path.resolve()


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root)


async def test_a_piece_is_replaced(workspace: Workspace, root: Path) -> None:
    outcome = await call(EDIT, workspace, path="a.py", old_text="def g", new_text="def h")
    new = CODE.replace("def g", "def h")
    diff = ShownDiff(str(root / "a.py"), CODE, new)
    assert outcome == Outcome("Changed 'a.py' at line 4.", shown=(diff,))
    assert (root / "a.py").read_text() == new


async def test_nothing_is_changed_before_it_is_allowed(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(EDIT, workspace, path="a.py", old_text="f():\n", new_text="f():\n\n")
    path = str(root / "a.py")
    assert prepared.action == Action("edit", (root / "a.py",))
    assert prepared.places == (Place(path, 2),)
    assert prepared.shown == (ShownDiff(path, CODE, CODE.replace("f():\n", "f():\n\n")),)
    assert (root / "a.py").read_text() == CODE


async def test_a_text_found_often_is_refused(workspace: Workspace, root: Path) -> None:
    arguments = {"path": "a.py", "old_text": "return 1", "new_text": "return 2"}
    text = await refusal(EDIT, workspace, **arguments)
    assert "found 2 times in 'a.py', at lines 2, 5" in text
    assert (root / "a.py").read_text() == CODE
    text = await told(EDIT, workspace, **arguments, replace_all=True)
    assert text == "Changed 'a.py' at lines 2, 5."
    assert (root / "a.py").read_text() == CODE.replace("1", "2")


async def test_a_miss_gives_the_closest_lines(workspace: Workspace) -> None:
    text = await refusal(EDIT, workspace, path="a.py", old_text="def g():\n  return 1", new_text="")
    assert "only white space differs):\n4: def g():\n5:     return 1\n" in text
    text = await refusal(EDIT, workspace, path="a.py", old_text="@@@@@@@@@", new_text="")
    assert text == "old_text is not in 'a.py', nor anything like it. Read the file first."


async def test_many_places_and_lines_are_told_in_short(workspace: Workspace, root: Path) -> None:
    (root / "many").write_text("x\n" * 1000)
    text = await refusal(EDIT, workspace, path="many", old_text="x", new_text="y")
    assert "lines 1, 2, " in text
    assert "20 and 980 more." in text
    text = await refusal(EDIT, workspace, path="many", old_text="x\n" * 500 + " x", new_text="y")
    assert len(text) < 1000


async def test_encoding_line_ends_and_mode_stay(workspace: Workspace, root: Path) -> None:
    path = root / "old.txt"
    path.write_bytes("\ufeffgrün\r\nrot\r\n".encode("utf-16-le"))
    path.chmod(0o750)
    text = await told(EDIT, workspace, path="old.txt", old_text="grün\nrot", new_text="blau\nrot")
    assert text == "Changed 'old.txt' at line 1."
    assert path.read_bytes() == "\ufeffblau\r\nrot\r\n".encode("utf-16-le")
    assert path.stat().st_mode & 0o777 == 0o750


async def test_a_file_with_faults_is_left(workspace: Workspace, root: Path) -> None:
    (root / "broken").write_bytes("äöü".encode() + b"\xffx")
    assert "no text" in await refusal(EDIT, workspace, path="broken", old_text="x", new_text="y")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"path": "none", "old_text": "a", "new_text": "b"}, "write_file makes one"),
        ({"path": "a.py", "old_text": "def f\r\n", "new_text": "def f\n"}, "are the same"),
        ({"path": "a.py", "old_text": "", "new_text": "b"}, "old_text must not be empty"),
        ({"path": ".", "old_text": "a", "new_text": "b"}, "is a folder"),
        ({"path": "\0", "old_text": "a", "new_text": "b"}, "not a path"),
    ],
)
async def test_what_cannot_be_edited(
    workspace: Workspace, arguments: dict[str, str], complaint: str
) -> None:
    assert complaint in await refusal(EDIT, workspace, **arguments)


async def test_a_change_since_it_was_read_is_not_lost(workspace: Workspace, root: Path) -> None:
    await told(ReadFile(), workspace, path="a.py")
    (root / "a.py").write_text(CODE + "# by the user\n")
    arguments = {"path": "a.py", "old_text": "def g", "new_text": "def h"}
    text = await refusal(EDIT, workspace, **arguments)
    assert "changed since you last read it" in text
    assert "by the user" not in text
    await told(ReadFile(), workspace, path="a.py")
    await told(EDIT, workspace, **arguments)
    await told(EDIT, workspace, path="a.py", old_text="def h", new_text="def i")
    assert "# by the user" in (root / "a.py").read_text()


@pytest.mark.parametrize("change", ["write", "delete", "link", "folder", "encoding"])
async def test_a_change_while_the_user_is_asked_is_not_lost(
    workspace: Workspace, root: Path, change: str
) -> None:
    path = root / "a.py"
    prepared = await prepare(EDIT, workspace, path="a.py", old_text="def f", new_text="def h")
    path.unlink()
    if change == "write":
        path.write_text("# by the user\n" + CODE)
    elif change == "encoding":
        path.write_bytes(b"\xef\xbb\xbf" + CODE.encode())
    elif change == "link":
        (root / "elsewhere").write_text(CODE)
        path.symlink_to("elsewhere")
    elif change == "folder":
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    outcome = await prepared.run(FakeEditor())
    assert outcome.failed
    assert any(text in outcome.text for text in ("has changed since", "elsewhere", "is a folder"))
    assert (path.read_bytes() if path.is_file() else None) == before


async def test_an_edit_is_no_reading(workspace: Workspace) -> None:
    await told(EDIT, workspace, path="a.py", old_text="def f", new_text="def h")
    text = await refusal(WriteFile(), workspace, path="a.py", content="")
    assert "you have not read it" in text


async def test_a_file_elsewhere_is_read_before_it_is_edited(root: Path) -> None:
    """A miss tells of the content, which nobody has allowed yet."""
    (root / "home").mkdir()
    workspace = make_workspace(root / "home")
    arguments = {"path": "../a.py", "old_text": "def  f", "new_text": "def h"}
    text = await refusal(EDIT, workspace, **arguments)
    assert text == "'../a.py' is outside the session's folders: read it first."
    await told(ReadFile(), workspace, path="../a.py")
    assert "1: def f" in await refusal(EDIT, workspace, **arguments)
