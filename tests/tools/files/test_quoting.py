"""What the user is shown of files and folders: no formatting of theirs, no folder opened."""

from pathlib import Path

import pytest

from acp_agent.tools.base import Place, RunnableTool
from acp_agent.tools.files.glob_files import Glob
from acp_agent.tools.files.list_directory import ListDirectory
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.files.search import SearchFiles
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import call, prepare

pytestmark = pytest.mark.anyio

NAME = "# *a* ```"
TEXT = "# Title\n```sh\nrm\n````\n</details>\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / NAME).write_text(TEXT)
    return make_workspace(tmp_path)


CALLS: list[tuple[RunnableTool, dict[str, str], str, str]] = [
    (ReadFile(), {"path": f"src/{NAME}"}, TEXT, "`" * 5),
    (SearchFiles(), {"pattern": "rm|````"}, f"src/{NAME}:3:rm\nsrc/{NAME}:4:````", "`" * 5),
    (Glob(), {"pattern": "*a*"}, f"src/{NAME}", "`" * 4),
    (ListDirectory(), {"path": "src"}, NAME, "`" * 4),
]


@pytest.mark.parametrize(("tool", "arguments", "text", "fence"), CALLS)
async def test_what_was_found_is_shown_as_it_is(
    workspace: Workspace, tool: RunnableTool, arguments: dict[str, str], text: str, fence: str
) -> None:
    outcome = await call(tool, workspace, **arguments)
    assert outcome.text == text
    assert outcome.shown == (ShownText(f"{fence}\n{text.rstrip()}\n{fence}"),)


@pytest.mark.parametrize(
    ("tool", "arguments", "is_told"),
    [
        (ListDirectory(), {}, False),
        (Glob(), {"pattern": "*"}, False),
        (SearchFiles(), {"pattern": "x"}, False),
        (SearchFiles(), {"pattern": "x", "path": f"src/{NAME}"}, True),
    ],
)
async def test_only_files_are_places(
    workspace: Workspace, tool: RunnableTool, arguments: dict[str, str], is_told: bool
) -> None:
    prepared = await prepare(tool, workspace, **arguments)
    place = Place(str(workspace.root / "src" / NAME))
    assert prepared.places == ((place,) if is_told else ())
