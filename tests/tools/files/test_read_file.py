"""Reading files: ranges, caps, what is remembered, and what is not read."""

import os
from pathlib import Path

import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Outcome, Place
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.tools.workspace import Workspace
from tests.fixtures.workspace import make_workspace
from tests.tools.call import call, prepare, refusal, told

pytestmark = pytest.mark.anyio

READ = ReadFile()
LIMIT = 64 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "notes.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "secret.txt").write_text("secret")
    return project


@pytest.fixture
def workspace(root: Path) -> Workspace:
    return make_workspace(root)


async def test_a_file_is_read_whole(workspace: Workspace, root: Path) -> None:
    assert await told(READ, workspace, path="notes.txt") == "one\ntwo\nthree\n"
    assert await told(READ, workspace, path=str(root / "notes.txt")) == "one\ntwo\nthree\n"


async def test_a_range_says_where_to_read_on(workspace: Workspace) -> None:
    text = await told(READ, workspace, path="notes.txt", line=2, limit=1)
    assert text == "two\n[lines 2 to 2 of 3; read on with line 3]"
    assert await told(READ, workspace, path="notes.txt", line=3) == "three\n"


async def test_line_ends_are_told(workspace: Workspace, root: Path) -> None:
    (root / "dos.txt").write_bytes(b"a\r\nb")
    assert await told(READ, workspace, path="dos.txt") == "a\nb\n[line ends are CRLF]"


async def test_much_text_is_cut_at_a_line(workspace: Workspace, root: Path) -> None:
    lines = [f"line {number:05}\n" for number in range(1, 10_001)]
    (root / "long.txt").write_text("".join(lines))
    first = await told(READ, workspace, path="long.txt", limit=10_000)
    assert LIMIT - 300 < len(first) <= LIMIT
    text, _, hint = first.rpartition("[")
    taken = text.count("\n")
    assert text == "".join(lines[:taken])
    assert hint == f"lines 1 to {taken} of 10000; read on with line {taken + 1}]"
    rest = await told(READ, workspace, path="long.txt", line=taken + 1)
    assert rest.startswith(lines[taken])


async def test_the_workspace_says_how_much_is_much(root: Path) -> None:
    small = make_workspace(root, result_limit=205)
    text = await told(READ, small, path="notes.txt")
    assert text == "one\n[lines 1 to 1 of 3; read on with line 2]"


async def test_one_very_long_line_is_cut(workspace: Workspace, root: Path) -> None:
    (root / "two.txt").write_text("first\n" + "\N{EURO SIGN}" * LIMIT + "y\nthird\n")
    assert (await told(READ, workspace, path="two.txt")).endswith("read on with line 2]")
    second = await told(READ, workspace, path="two.txt", line=2)
    assert second.startswith("\N{EURO SIGN}")
    assert second.endswith("[line 2 is cut here: it is too long to be read]")
    assert len(second.encode()) <= LIMIT
    assert await told(READ, workspace, path="two.txt", line=3) == "third\n"


async def test_an_empty_file_is_no_failure(workspace: Workspace, root: Path) -> None:
    (root / "empty").touch()
    assert await call(READ, workspace, path="empty") == Outcome("[the file is empty]")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\n", "grüße\n"),
        ("grüße\n".encode("utf-16"), "grüße\n"),
        (b"gr\xfc\xdfe \x80\n", "grüße €\n"),
    ],
)
async def test_other_encodings_are_read(
    workspace: Workspace, root: Path, data: bytes, text: str
) -> None:
    (root / "old.txt").write_bytes(data)
    assert await told(READ, workspace, path="old.txt") == text


async def test_faults_in_the_text_are_told(workspace: Workspace, root: Path) -> None:
    (root / "broken.txt").write_bytes("äöü".encode() + b"\xff\n")
    text = await told(READ, workspace, path="broken.txt")
    assert text.startswith("äöü\N{REPLACEMENT CHARACTER}\n[bytes that are no text")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nonesuch", "There is no file 'nonesuch'"),
        ("notes.txt/more", "cannot be read"),
        (".", "is a folder"),
        ("pipe", "a device or a pipe"),
        ("image", "no text file"),
        ("a\0b", "is not a path"),
        ("to-no-unicode", "is not a path"),
        ("x" * 5000, "cannot be read"),
        ("loop", ""),
        ("own/key", "belongs to acp-agent"),
        ("to-own/key", "belongs to acp-agent"),
        ("", "is a folder"),
    ],
)
async def test_what_is_not_read(root: Path, path: str, complaint: str) -> None:
    own = root / "own"
    own.mkdir()
    (own / "key").write_text("secret\n")
    (root / "to-own").symlink_to(own)
    (root / "loop").symlink_to("loop")
    (root / "to-no-unicode").symlink_to(os.fsdecode(b"\xff"))
    (root / "image").write_bytes(b"\x89PNG\0\0")
    os.mkfifo(root / "pipe")
    text = await refusal(READ, make_workspace(root, private=(own,)), path=path)
    assert complaint in text
    assert "secret" not in text


async def test_a_folder_is_private_by_what_it_is(root: Path, tmp_path: Path) -> None:
    """As where the file system takes upper case and lower case for the same."""
    (root / "own").mkdir()
    (root / "own" / "key").write_text("secret")
    (tmp_path / "by-another-name").symlink_to(root / "own")
    workspace = make_workspace(root, private=(tmp_path / "by-another-name",))
    assert "belongs to acp-agent" in await refusal(READ, workspace, path="own/key")


@pytest.mark.parametrize("path", ["../secret.txt", "link", "/proc/self/cwd/../etc/passwd"])
async def test_paths_elsewhere_are_left_to_permissions(
    workspace: Workspace, root: Path, path: str
) -> None:
    (root / "link").symlink_to(root.parent / "secret.txt")
    prepared = await prepare(READ, workspace, path=path)
    assert prepared.action == Action("read", ((root / path).resolve(),))
    assert not prepared.action.paths[0].is_relative_to(root)


async def test_a_file_that_became_a_link_is_not_read(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(READ, workspace, path="notes.txt")
    (root / "notes.txt").unlink()
    (root / "notes.txt").symlink_to(root.parent / "secret.txt")
    outcome = await prepared.run(None)  # pyright: ignore[reportArgumentType]
    assert outcome.failed
    assert "leads elsewhere now" in outcome.text


async def test_what_was_read_is_remembered(workspace: Workspace, root: Path) -> None:
    path = root / "notes.txt"
    assert not workspace.has_seen(path)
    await told(READ, workspace, path="notes.txt", limit=1)
    assert workspace.is_current(path, "one\ntwo\nthree\n")
    await refusal(READ, workspace, path="nonesuch")
    assert not workspace.has_seen(root / "nonesuch")


async def test_a_line_beyond_the_end_fails(workspace: Workspace) -> None:
    text = await refusal(READ, workspace, path="notes.txt", line=9)
    assert text == "'notes.txt' has fewer than 9 lines."
    assert "fewer" in await refusal(READ, workspace, path="notes.txt", line=10**30)
    assert await told(READ, workspace, path="notes.txt", limit=10**30) == "one\ntwo\nthree\n"


async def test_the_call_has_a_place_and_a_title(workspace: Workspace, root: Path) -> None:
    prepared = await prepare(READ, workspace, path="notes.txt", line=2)
    assert prepared.places == (Place(str(root / "notes.txt"), 2),)
    assert READ.title({"path": "notes.txt"}) == "Read notes.txt"
    assert READ.title({}) == "Read a file"
    assert READ.title({"path": ["a\nb"] * 1000}).startswith("Read ['a")
    assert len(READ.title({"path": "x" * 1000})) < 200
