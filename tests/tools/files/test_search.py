"""Searching, with ripgrep and without: the same lines, the same bounds."""

import os
import shutil
from pathlib import Path

import anyio
import psutil
import pytest

from acp_agent.tools.files import searching
from acp_agent.tools.files.search import SearchFiles
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import FakeEditor, prepare, refusal, told

pytestmark = pytest.mark.anyio

SEARCH = SearchFiles()
WHICH = shutil.which


@pytest.fixture(params=["ripgrep", "python"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "python":
        monkeypatch.setattr(shutil, "which", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    elif WHICH("rg") is None:
        pytest.skip("needs ripgrep")
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "project"
    for name, content in {
        "a.py": "import os\r\ndef find_me():\r\n",
        "src/b.ts": "one\nfind_me()\nfind_me(1)\n",
        "src/latin.txt": "x",
        "ignored.log": "find_me",
        ".gitignore": "*.log\nbuild/\n",
        "build/out.txt": "find_me in build\n",
        ".git/config": "find_me",
        ".github/ci.yml": "find_me\n",
        "own[1]/key": "find_me",
        "binary": "\0find_me",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode())
    (root / "src" / "latin.txt").write_bytes(b"caf\xe9 find_me\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("find_me secret")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "file-link").symlink_to(tmp_path / "elsewhere" / "secret")
    return root


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root, private=(root / "own[1]",))


FOUND = [
    ".github/ci.yml:1:find_me",
    "a.py:2:def find_me():",
    "src/b.ts:2:find_me()",
    "src/b.ts:3:find_me(1)",
    "src/latin.txt:1:café find_me",
]


async def test_lines_are_found(workspace: Workspace) -> None:
    assert (await told(SEARCH, workspace, pattern="find_me")).splitlines() == FOUND
    assert await told(SEARCH, workspace, pattern=r"find_me\(\d\)") == FOUND[3]
    assert await told(SEARCH, workspace, pattern="(?i)FIND_ME\\(1") == FOUND[3]
    assert await told(SEARCH, workspace, pattern=r"\):$") == FOUND[1]
    assert await told(SEARCH, workspace, pattern="nowhere") == "No matches."
    assert await told(SEARCH, workspace, pattern="-e") == "No matches."


async def test_a_path_and_a_glob_narrow_it(workspace: Workspace) -> None:
    assert await told(SEARCH, workspace, pattern="find_me", path="src/b.ts") == "\n".join(
        FOUND[2:4]
    )
    assert await told(SEARCH, workspace, pattern="find_me", path="src") == "\n".join(FOUND[2:])
    assert await told(SEARCH, workspace, pattern="find_me", glob="*.{py,yml}") == "\n".join(
        FOUND[:2]
    )
    assert await told(SEARCH, workspace, pattern="find_me", glob="src/**") == "\n".join(FOUND[2:])
    assert await told(SEARCH, workspace, pattern="find_me", glob="*.log") == "No matches."


async def test_what_is_ignored_is_searched_when_it_is_named(workspace: Workspace) -> None:
    text = await told(SEARCH, workspace, pattern="find_me", path="build")
    assert text == "build/out.txt:1:find_me in build"
    assert (
        await told(SEARCH, workspace, pattern="me", path="ignored.log") == "ignored.log:1:find_me"
    )


async def test_a_folder_elsewhere_is_named_whole(workspace: Workspace, root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    prepared = await prepare(SEARCH, workspace, pattern="find_me", path="link")
    assert prepared.action.paths == (elsewhere,)
    outcome = await prepared.run(FakeEditor())
    assert outcome.text == f"{elsewhere}/secret:1:find_me secret"


async def test_what_ripgrep_does_not_know_is_found_too(workspace: Workspace) -> None:
    assert await told(SEARCH, workspace, pattern=r"find_me(?=\(1)") == FOUND[3]
    assert await told(SEARCH, workspace, pattern=r"(?P<x>o)ne", path="src/b.ts") == "src/b.ts:1:one"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"pattern": "find_me("}, "no regular expression: missing )"),
        ({"pattern": "a\nb"}, "one by one"),
        ({"pattern": "a" * 2000}, "give a short pattern"),
        ({"pattern": "a", "path": "none"}, "There is no file or folder 'none'"),
        ({"pattern": "a", "path": "own[1]/key"}, "belongs to acp-agent"),
        ({"pattern": "a", "path": "pipe"}, "There is no file or folder"),
        ({"pattern": "a", "path": "x" * 300}, "There is no file or folder"),
        ({"pattern": "a", "glob": "["}, "not a usable glob"),
        ({"pattern": ""}, "pattern must not be empty"),
    ],
)
async def test_what_cannot_be_searched(
    workspace: Workspace, root: Path, arguments: dict[str, str], complaint: str
) -> None:
    os.mkfifo(root / "pipe")
    assert complaint in await refusal(SEARCH, workspace, **arguments)


async def test_a_folder_that_became_a_link_is_not_searched(
    workspace: Workspace, root: Path
) -> None:
    prepared = await prepare(SEARCH, workspace, pattern="find_me", path="src/b.ts")
    (root / "src" / "b.ts").unlink()
    (root / "src" / "b.ts").symlink_to(root.parent / "elsewhere" / "secret")
    outcome = await prepared.run(FakeEditor())
    assert outcome.failed
    assert "secret" not in outcome.text


async def test_many_matches_are_cut(workspace: Workspace, root: Path) -> None:
    (root / "many").write_text("many x\n" * 1000)
    text = await told(SEARCH, workspace, pattern="many x")
    assert text.count("many:") == searching.MATCH_LIMIT
    assert text.endswith(
        "[there may be more: these are the first 200 matches; narrow the pattern, path or glob]"
    )
    small = make_workspace(root, result_limit=300)
    text = await told(SEARCH, small, pattern="many x")
    assert text.count("many:") == 7
    assert len(text) < 300


async def test_a_long_line_is_cut_around_the_match(workspace: Workspace, root: Path) -> None:
    (root / "long").write_text("ä" * 5000 + "needle" + "z" * 5000 + "\n")
    text = await told(SEARCH, workspace, pattern="needle")
    assert text == "long:1:…" + "ä" * 100 + "needle" + "z" * 194 + "…"
    (root / "wide").write_text("ab " * 1_000_000 + "needle\n")
    assert "wide" not in await told(SEARCH, workspace, pattern="^needle")


async def test_a_pattern_that_takes_for_ever_is_ended(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "long").write_text("a" * 50_000 + "\n")
    monkeypatch.setattr(shutil, "which", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(searching, "SECONDS", 1)
    with anyio.fail_after(60):
        text = await told(SEARCH, workspace, pattern="(a|aa)+$x", path="long")
    assert text.startswith("[there may be more: the search was ended after 1 s")
    assert not psutil.Process().children()


async def test_a_cancel_ends_the_program(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "long").write_text("a" * 50_000 + "\n")
    monkeypatch.setattr(shutil, "which", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    prepared = await prepare(SEARCH, workspace, pattern="(a|aa)+$x", path="long")
    with anyio.move_on_after(0.5) as scope:
        await prepared.run(FakeEditor())
    assert scope.cancelled_caught
    assert not psutil.Process().children()


def test_titles() -> None:
    assert SEARCH.title({"pattern": "x"}) == "Search x"
    assert SEARCH.title({"pattern": "x", "path": "src"}) == "Search x in src"
