"""Reading files of the project: ranges, caps, and what is not read."""

import os
from pathlib import Path
from typing import Any

import pytest

from acp_agent.tools.base import Outcome, Place
from acp_agent.tools.read_file import SIZE_LIMIT, ReadFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "notes.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "secret.txt").write_text("secret")
    return project


async def read(root: Path, **arguments: Any) -> Outcome:
    return await ReadFile().run(arguments, root)


async def test_a_file_is_read_whole(root: Path) -> None:
    assert await read(root, path="notes.txt") == Outcome("one\ntwo\nthree\n")
    assert await read(root, path=str(root / "notes.txt")) == Outcome("one\ntwo\nthree\n")


async def test_a_range_says_where_to_read_on(root: Path) -> None:
    outcome = await read(root, path="notes.txt", line=2, limit=1)
    assert outcome.text == "two\n\n[lines 2 to 2; read on with line 3]"
    assert await read(root, path="notes.txt", line=3) == Outcome("three\n")


async def test_line_ends_stay(root: Path) -> None:
    (root / "dos.txt").write_bytes(b"a\r\nb\r\n")
    assert (await read(root, path="dos.txt")).text == "a\r\nb\r\n"


async def test_much_text_is_cut_at_a_line(root: Path) -> None:
    lines = [f"line {number:05}\n" for number in range(1, 10_001)]
    (root / "long.txt").write_text("".join(lines))
    first = (await read(root, path="long.txt", limit=10_000)).text
    assert len(first) < SIZE_LIMIT + 100
    text, _, hint = first.rpartition("\n[")
    taken = text.count("\n")
    assert text == "".join(lines[:taken])
    assert hint == f"lines 1 to {taken}; read on with line {taken + 1}]"
    rest = await read(root, path="long.txt", line=taken + 1, limit=10_000)
    assert rest.text.startswith(lines[taken])


async def test_one_very_long_line_is_cut(root: Path) -> None:
    (root / "wide.txt").write_text("\N{EURO SIGN}" * SIZE_LIMIT)
    (root / "two.txt").write_text("first\n" + "x" * SIZE_LIMIT + "y\nthird\n")
    outcome = await read(root, path="wide.txt")
    assert not outcome.failed
    assert len(outcome.text.encode()) < SIZE_LIMIT + 100
    assert outcome.text.endswith("[line 1 is cut here: it is too long to be read]")
    assert (await read(root, path="two.txt")).text.endswith("read on with line 2]")
    second = (await read(root, path="two.txt", line=2)).text
    assert second.startswith("x")
    assert second.endswith("[line 2 is cut here: it is too long to be read]")
    assert await read(root, path="two.txt", line=3) == Outcome("third\n")


async def test_an_empty_file_is_no_failure(root: Path) -> None:
    (root / "empty").touch()
    assert await read(root, path="empty") == Outcome("[the file is empty]")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nonesuch", "There is no file 'nonesuch'"),
        (".", "is a folder"),
        ("../secret.txt", "outside the project"),
        ("/etc/passwd", "outside the project"),
        ("link", "outside the project"),
        ("pipe", "There is no file 'pipe'"),
        ("image", "no text file"),
        ("a\0b", "outside the project"),
        ("", "path:"),
    ],
)
async def test_what_is_not_read(root: Path, path: str, complaint: str) -> None:
    (root / "link").symlink_to(root.parent / "secret.txt")
    (root / "image").write_bytes(b"\x89PNG\0\0")
    os.mkfifo(root / "pipe")
    outcome = await read(root, path=path)
    assert outcome.failed
    assert complaint in outcome.text
    assert "secret\n" not in outcome.text


async def test_a_line_beyond_the_end_fails(root: Path) -> None:
    outcome = await read(root, path="notes.txt", line=9)
    assert outcome == Outcome("'notes.txt' has fewer than 9 lines.", failed=True)


async def test_a_number_beyond_reason_is_refused(root: Path) -> None:
    outcome = await read(root, path="notes.txt", limit=10**30)
    assert outcome.failed
    assert "limit: Input should be less than or equal" in outcome.text


def test_it_says_what_it_is_about(root: Path) -> None:
    tool = ReadFile()
    assert tool.title({"path": "notes.txt"}) == "Read notes.txt"
    assert tool.title({}) == "Read a file"
    here = {"path": "notes.txt", "line": 2}
    assert tool.places(here, root) == (Place(str(root / "notes.txt"), 2),)
    assert tool.places({}, root) == ()
    assert tool.places({"path": ".."}, root) == ()
