"""Local files: read as they are, replaced whole or not at all."""

import os
import stat
import sys
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from acp_agent.tools.files.local_files import LocalFiles
from acp_agent.tools.workspace import FileProblem, FileText

pytestmark = pytest.mark.anyio

FILES = LocalFiles()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", FileText("")),
        (b"a\r\nb\n", FileText("a\r\nb\n")),
        ("ä".encode(), FileText("ä")),
        (b"\xef\xbb\xbf\xc3\xa4", FileText("ä", "utf-8", has_bom=True)),
        (b"\xff\xfe\xe4\x00\r\x00\n\x00", FileText("ä\r\n", "utf-16-le", has_bom=True)),
        (b"\xfe\xff\x00\xe4", FileText("ä", "utf-16-be", has_bom=True)),
        (b"\xff\xfe\x00\x00\xe4\x00\x00\x00", FileText("ä", "utf-32-le", has_bom=True)),
        (b"caf\xe9 \x80", FileText("café €", "cp1252")),
        (b"caf\xe9 \x81", FileText("café \x81", "latin-1")),
    ],
)
async def test_a_file_comes_back_byte_for_byte(tmp_path: Path, data: bytes, text: FileText) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert await FILES.read(path) == text
    path.write_bytes(b"other")
    await FILES.write(path, text)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", ["äöü".encode() + b"\xff", b"\xff\xfe\x00", b"\xff\xfe\x00\xd8"])
async def test_faults_make_it_inexact(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert not (await FILES.read(tmp_path / "file")).is_exact


@pytest.mark.parametrize("data", [b"a\0b", b"x" * 9000 + b"\0", bytes(range(1, 32)) * 3])
async def test_binary_files_are_told_from_text(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(FileProblem, match="no text file"):
        await FILES.read(tmp_path / "file")


async def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 2048)
    assert len((await LocalFiles(2048).read(tmp_path / "file")).content) == 2048
    with pytest.raises(FileProblem, match="larger than 1 KB: search it"):
        await LocalFiles(2047).read(tmp_path / "file")


async def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    await FILES.write(tmp_path / "a" / "b" / "file", FileText("x"))
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o666])
async def test_mode_bits_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    await FILES.write(path, FileText("new"))
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    await FILES.write(tmp_path / "new", FileText(""))
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
async def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.chown(path, 1234, 2345)
    await FILES.write(path, FileText("new"))
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


async def test_a_read_only_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(FileProblem, match="'file' is read-only"):
        await FILES.write(path, FileText("new"))
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


async def test_a_character_that_the_encoding_lacks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(FileProblem, match="'→' is not in its encoding, cp1252"):
        await FILES.write(path, FileText("→", "cp1252"))
    assert path.read_bytes() == b"caf\xe9"


async def test_what_is_no_file_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with anyio.fail_after(20):
        for path in (tmp_path / "pipe", Path("/dev/null"), Path("/dev/zero")):
            with pytest.raises(FileProblem, match="a device or a pipe"):
                await FILES.read(path)
            with pytest.raises(FileProblem, match="no file"):
                await FILES.write(path, FileText("x"))
    with pytest.raises(FileProblem, match="is a folder"):
        await FILES.read(tmp_path)
    with pytest.raises(FileProblem, match="no file"):
        await FILES.write(tmp_path, FileText("x"))
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "folder").symlink_to(tmp_path)
    for path in (tmp_path / "link", tmp_path / "folder" / "target", tmp_path / "folder" / "new"):
        with pytest.raises(FileProblem, match="leads elsewhere now"):
            await FILES.read(path)
        with pytest.raises(FileProblem, match="leads elsewhere now"):
            await FILES.write(path, FileText("new"))
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "new").exists()


async def test_a_failure_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileProblem, match="'file' cannot be written: No space left on device"):
        await FILES.write(path, FileText("new"))
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


async def test_a_cancel_waits_for_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o604)
    modes: list[int] = []
    halfway, go_on = threading.Event(), threading.Event()
    replace = os.replace

    create = os.open

    def note_mode(path: Path, flags: int, mode: int = 0o777) -> int:
        modes.append(mode)
        return create(path, flags, mode)

    def wait(source: Path, target: Path) -> None:
        halfway.set()
        assert go_on.wait(30)
        replace(source, target)

    monkeypatch.setattr(os, "replace", wait)
    monkeypatch.setattr(os, "open", note_mode)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(FILES.write, path, FileText("new"))
        await anyio.to_thread.run_sync(halfway.wait, 30)
        assert path.read_text() == "old"
        tasks.cancel_scope.cancel()
        go_on.set()
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert modes[0] == 0o600  # nobody else looks into what will be 0o604 only in the end
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


_WRITER = """
import sys, anyio
from pathlib import Path
from acp_agent.tools.files.local_files import LocalFiles
from acp_agent.tools.workspace import FileText
async def main():
    print("ready", flush=True)
    for number in range(1_000_000):
        await LocalFiles().write(Path(sys.argv[1]), FileText("ab"[number % 2] * 300_000))
anyio.run(main)
"""


async def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "file"
    path.write_text("a" * 300_000)
    for reads in (0, 20, 60):
        command = [sys.executable, "-c", _WRITER, str(path)]
        async with await anyio.open_process(command, stderr=None) as process:
            assert process.stdout is not None
            await process.stdout.receive()
            seen = [path.read_bytes() for _ in range(reads)]
            process.kill()
        for content in [*seen, path.read_bytes()]:
            assert content in (b"a" * 300_000, b"b" * 300_000)
