"""What a model learns of paths outside the session's folders without the user: nothing."""

from pathlib import Path

import pytest

from acp_agent.tools.base import Outcome, Prepared, RunnableTool
from acp_agent.tools.files.delete_file import DeleteFile
from acp_agent.tools.files.edit_file import EditFile
from acp_agent.tools.files.move_file import MoveFile
from acp_agent.tools.files.write_file import WriteFile
from acp_agent.tools.shown import ShownDiff
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, prepare, told

pytestmark = pytest.mark.anyio

CALLS: list[tuple[RunnableTool, dict[str, str]]] = [
    (WriteFile(), {"path": "{}", "content": "new"}),
    (EditFile(), {"path": "{}", "old_text": "old", "new_text": "new"}),
    (DeleteFile(), {"path": "{}"}),
    (MoveFile(), {"source": "{}", "destination": "moved"}),
    (MoveFile(), {"source": "inside", "destination": "{}"}),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "inside").touch()
    (tmp_path / "there").write_text("old")
    (tmp_path / "folder").mkdir()
    return make_workspace(tmp_path / "project")


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_what_is_there_and_what_is_not_look_alike(
    workspace: Workspace, tool: RunnableTool, arguments: dict[str, str]
) -> None:
    """Until the user has been asked, which a call that is prepared leads to."""
    seen: list[str] = []
    for name in ("there", "nothing", "folder"):
        path = str(workspace.root.parent / name)
        given = {key: value.format(path) for key, value in arguments.items()}
        prepared = await tool.prepare(given, workspace)
        told = "asks" if isinstance(prepared, Prepared) else prepared.text.replace(path, "")
        seen.append(told)
    assert seen == [seen[0]] * 3


async def test_an_allowed_write_overwrites_nothing_unread(workspace: Workspace) -> None:
    path = workspace.root.parent / "there"
    prepared = await prepare(WriteFile(), workspace, path=str(path), content="new")
    assert prepared.shown == (ShownDiff(str(path), None, "new"),)
    text = f"{str(path)!r} exists, and you have not read it: read it first."
    assert await prepared.run(FakeEditor()) == Outcome(text, failed=True)
    assert path.read_text() == "old"
    new = str(path.with_name("new"))
    await told(WriteFile(), workspace, path=new, content="new")
    assert await told(WriteFile(), workspace, path=new, content="newer")
    assert Path(new).read_text() == "newer"


async def test_an_allowed_deletion_and_move_tell_what_is_wrong(workspace: Workspace) -> None:
    outside = workspace.root.parent
    gone = await prepare(DeleteFile(), workspace, path=str(outside / "nothing"))
    assert "cannot be deleted: No such file" in (await gone.run(FakeEditor())).text
    taken = {"source": "inside", "destination": str(outside / "there")}
    moved = await prepare(MoveFile(), workspace, **taken)
    assert "exists already" in (await moved.run(FakeEditor())).text
    assert (outside / "there").read_text() == "old"
