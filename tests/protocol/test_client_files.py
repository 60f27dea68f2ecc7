"""Files through the editor: what it is asked, and what follows when it refuses or is silent."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.protocol.client_files import ClientFiles
from acp_agent.tools.files.local_files import LocalFiles
from acp_agent.tools.workspace import FileProblem, FileText
from tests.protocol.editor import NEVER, EditorClient, Refusal, editor_with_peer

pytestmark = pytest.mark.anyio

READ, WRITE = "fs/read_text_file", "fs/write_text_file"


@asynccontextmanager
async def opened(
    *, can_read: bool = True, can_write: bool = True, **limits: float
) -> AsyncGenerator[tuple[EditorClient, ClientFiles]]:
    async with editor_with_peer() as (editor, peer):
        yield (
            editor,
            ClientFiles(peer, "s1", LocalFiles(), can_read=can_read, can_write=can_write, **limits),
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


async def test_the_editors_text_is_read_with_the_encoding_of_the_disk(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfsaved\r\n")
    async with opened() as (editor, files):
        editor.files[str(path)] = "unsaved\n"
        text = await files.read(path)
        await editor.asked(READ)
    assert (text.content, text.has_bom) == ("unsaved\n", True)
    assert editor.params(READ) == [{"sessionId": "s1", "path": str(path)}]


@pytest.mark.parametrize("answer", [Refusal(), Refusal(-32601), {"content": 5}, {}, None])
async def test_what_the_editor_does_not_give_comes_from_the_disk(folder: Path, answer: Any) -> None:
    path = folder / "a.txt"
    path.write_text("saved")
    async with opened() as (editor, files):
        editor.answers[READ] = answer
        assert (await files.read(path)).content == "saved"
        with pytest.raises(FileProblem, match=r"no file 'b\.txt'"):
            await files.read(folder / "b.txt")
        await editor.until(lambda _: editor.methods == [READ, READ])


async def test_a_file_that_only_the_editor_has_is_read(folder: Path) -> None:
    async with opened() as (editor, files):
        editor.files[str(folder / "new.txt")] = "not saved yet"
        editor.files[str(folder / "empty.txt")] = ""
        assert (await files.read(folder / "new.txt")).content == "not saved yet"
        with pytest.raises(FileProblem, match="There is no file"):
            await files.read(folder / "empty.txt")


@pytest.mark.parametrize("kind", ["large", "binary", "folder"])
async def test_the_editor_is_not_asked_for_what_is_no_small_text(folder: Path, kind: str) -> None:
    path = folder / "a"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"a" * (4 * 1024 * 1024 + 1) if kind == "large" else b"\x00\x01\x02" * 99)
    async with opened() as (editor, files):
        editor.files[str(path)] = "text"
        with pytest.raises(FileProblem):
            await files.read(path)
    assert editor.methods == []


async def test_a_read_without_an_answer_ends_and_does_not_take_the_disk(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_text("saved")
    async with opened(read_seconds=0.01) as (editor, files):
        editor.answers[READ] = NEVER
        with pytest.raises(FileProblem, match=r"did not give a\.txt within 0\.01 seconds"):
            await files.read(path)
        await editor.asked("$/cancel_request")
    assert editor.withdrawn == [READ]


@pytest.mark.parametrize("method", [READ, WRITE])
async def test_a_cancel_withdraws_what_is_open(folder: Path, method: str) -> None:
    path = folder / "a.txt"
    path.write_text("saved")
    async with opened() as (editor, files):
        editor.answers[method] = NEVER
        async with anyio.create_task_group() as tasks:
            if method == READ:
                tasks.start_soon(files.read, path)
            else:
                tasks.start_soon(files.write, path, FileText("new"))
            await editor.asked(method)
            tasks.cancel_scope.cancel()
        await editor.asked("$/cancel_request")
    assert editor.withdrawn == [method]
    assert path.read_text() == "saved"


async def test_the_editor_writes_the_text_as_it_is(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_text("old")
    async with opened() as (editor, files):
        await files.write(path, FileText("a\r\nb\n", encoding="cp1252", has_bom=True))
    assert editor.params(WRITE) == [{"sessionId": "s1", "path": str(path), "content": "a\r\nb\n"}]
    assert path.read_text() == "old"


async def test_each_method_is_used_only_where_it_is_offered(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_text("saved")
    async with opened(can_read=False) as (editor, files):
        assert (await files.read(path)).content == "saved"
        await files.write(path, FileText("new"))
    assert editor.methods == [WRITE]
    async with opened(can_write=False) as (editor, files):
        editor.files[str(path)] = "unsaved"
        assert (await files.read(path)).content == "unsaved"
        await files.write(path, FileText("new"))
    assert editor.methods == [READ]
    assert path.read_text() == "new"


async def test_line_ends_of_the_disk_stay_where_the_disk_is_written(folder: Path) -> None:
    path = folder / "a.txt"
    path.write_bytes(b"a\r\nb\r\n")
    async with opened(can_write=False) as (editor, files):
        editor.files[str(path)] = "a\nb\nc\n"
        text = await files.read(path)
        assert text.content == "a\r\nb\r\nc\r\n"
        editor.files[str(path)] = "a\nb\r\n"
        assert (await files.read(path)).content == "a\nb\r\n"
    async with opened() as (editor, files):
        editor.files[str(path)] = "a\nb\nc\n"
        assert (await files.read(path)).content == "a\nb\nc\n"


async def test_a_refused_write_is_told_and_leaves_nothing(folder: Path) -> None:
    path = folder / "new" / "deep" / "a.txt"
    async with opened() as (editor, files):
        editor.answers[WRITE] = Refusal(-32603, "outside\x1b[31m the\nproject" + "!" * 500)
        with pytest.raises(FileProblem) as problem:
            await files.write(path, FileText("new"))
    assert "did not write a.txt: outside [31m the project!!" in str(problem.value)
    assert len(str(problem.value)) < 400
    assert list(folder.iterdir()) == []


async def test_folders_on_the_way_are_made(folder: Path) -> None:
    path = folder / "new" / "deep" / "a.txt"
    async with opened() as (editor, files):
        await files.write(path, FileText("new"))
        assert editor.files[str(path)] == "new"
    assert path.parent.is_dir()


async def test_a_write_that_the_editor_does_not_know_goes_to_the_disk(folder: Path) -> None:
    async with opened() as (editor, files):
        editor.answers[WRITE] = Refusal(-32601, "Method not found")
        await files.write(folder / "a.txt", FileText("new"))
    assert (folder / "a.txt").read_text() == "new"


async def test_a_write_without_an_answer_says_that_nothing_is_known(folder: Path) -> None:
    async with opened(write_seconds=0.01) as (editor, files):
        editor.answers[WRITE] = NEVER
        with pytest.raises(FileProblem, match=r"within 0\.01 seconds whether it wrote a\.txt"):
            await files.write(folder / "a.txt", FileText("new"))
        await editor.asked("$/cancel_request")
    assert editor.withdrawn == [WRITE]


async def test_the_editor_is_not_asked_to_write_a_folder_or_a_link(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder / "elsewhere")
    async with opened() as (editor, files):
        for name in ("sub", "link", "sub/../link"):
            with pytest.raises(FileProblem):
                await files.write(folder / name, FileText("new"))
    assert editor.methods == []
