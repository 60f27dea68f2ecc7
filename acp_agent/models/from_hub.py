"""Installing a model from the hub: look up, show the licence, fetch, check, record, show.

Owns the order of these steps, and repairing files from the commit that the manifest names.
Does not own the transfer (``models/hub``) or what waits for the next attempt
(``models/pending``), which every failure and every cancel leaves as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.errors import InstallError
from acp_agent.models.catalogue import CatalogueEntry, HubSource
from acp_agent.models.folders import show
from acp_agent.models.hub.client import Follow, download, resolve
from acp_agent.models.hub.messages import (
    Event,
    FetchedFile,
    HubFile,
    Moved,
    Retry,
    Snapshot,
    Waiting,
)
from acp_agent.models.integrity import FileProblem, verify_files, write_checked
from acp_agent.models.licence import (
    LicenceAcknowledgement,
    LicenceTerms,
    describe_reference,
    is_licence_text,
)
from acp_agent.models.manifest import Acknowledgement, Manifest, ManifestFile, write_manifest
from acp_agent.models.pending import Pending, Plan, choose_files
from acp_agent.models.steps import Report, check_space, tell_attempt
from acp_agent.models.structure import explain_broken, read_context_size


@dataclass(slots=True)
class HubInstaller:
    """Installs from the hub below ``folder``; ``retry`` is how patient the transfer is."""

    folder: Path
    report: Report
    retry: Retry = field(default_factory=Retry)

    async def install(
        self, entry: CatalogueEntry, source: HubSource, accept: LicenceAcknowledgement | None
    ) -> None:
        """Makes ``entry`` a model, in the place of whatever has its name.

        Raises:
            LicenceRequired: ``accept`` is not for the licence's text; nothing but that has
                been fetched.
            InstallError: network, disk, or not what the hub states.
            OSError: the folder cannot be written.
        """
        pending = Pending(self.folder, entry.id)
        plan = await self._plan(entry, source, pending)
        area = pending.area(plan)
        # First, so that nobody accepts a licence for what then has no room.
        left = plan.size - await anyio.to_thread.run_sync(pending.arrived, plan)
        await anyio.to_thread.run_sync(check_space, entry.name, self.folder, left)
        acknowledgement = (await self._terms(entry, plan, area)).record(accept)
        fetched = await self._fetch(entry.name, plan.snapshot, plan.files, area)
        made = area / "files"
        await anyio.to_thread.run_sync(_record, entry, plan, fetched, acknowledgement, made)
        await anyio.to_thread.run_sync(show, made, self.folder / entry.id)
        await anyio.to_thread.run_sync(pending.discard)

    async def repair(
        self, model: Path, manifest: Manifest, problems: Sequence[FileProblem]
    ) -> None:
        """Replaces those files of ``model`` that ``problems`` names, and no others.

        Raises:
            InstallError: network, disk, files that do not belong there, or not the file
                that was installed.
            OSError: the folder cannot be written.
        """
        assert manifest.repo is not None
        assert manifest.revision is not None
        known = {file.path: file for file in manifest.files}
        files = tuple(
            HubFile(path=file.path, size=file.size, sha256=file.sha256)
            for problem in problems
            if (file := known.get(problem.path)) is not None
        )
        snapshot = Snapshot(repo=manifest.repo, commit=manifest.revision, files=files)
        plan = Plan(source=f"repair of {manifest.id}", snapshot=snapshot, files=files)
        pending = Pending(self.folder, manifest.id)
        if await anyio.to_thread.run_sync(pending.load) != plan:
            await anyio.to_thread.run_sync(pending.save, plan)
        area = pending.area(plan)
        left = plan.size - await anyio.to_thread.run_sync(pending.arrived, plan)
        await anyio.to_thread.run_sync(check_space, manifest.name, self.folder, left)
        if files:
            await self._fetch(manifest.name, snapshot, files, area)
        await anyio.to_thread.run_sync(_replace, files, area / "files", model)
        await anyio.to_thread.run_sync(pending.discard)
        remaining = await anyio.to_thread.run_sync(verify_files, model, manifest)
        if remaining:
            listed = ", ".join(f"{each.path} ({each.kind})" for each in remaining)
            raise InstallError(
                f"{manifest.name} is still not as it was installed: {listed}. Move away what "
                "does not belong to it, then verify it again."
            )

    async def _plan(self, entry: CatalogueEntry, source: HubSource, pending: Pending) -> Plan:
        """What to bring: as an earlier attempt found it, else as the hub has it now."""
        plan = await anyio.to_thread.run_sync(pending.load, source)
        if plan is not None:
            return plan
        await self.report(f"Looking up {entry.name}", None, None)
        follow = self._follow_lookup(entry.name)
        snapshot = await resolve(source.repo, source.revision, self.folder, self.retry, follow)
        files = choose_files(snapshot)
        names = {file.path for file in files}
        missing = [path for path in source.files if path not in names]
        if missing or not any(name.endswith(".safetensors") for name in names):
            listed = ", ".join(missing or ["model*.safetensors"])
            raise InstallError(
                f"The repository {source.repo} is no MLX model that can be installed; it lacks "
                f"{listed}."
            )
        plan = Plan(source=str(source), snapshot=snapshot, files=files)
        await anyio.to_thread.run_sync(pending.save, plan)
        return plan

    async def _terms(self, entry: CatalogueEntry, plan: Plan, area: Path) -> LicenceTerms:
        """The licence as it is shown: the repository's own text, else where to find it."""
        stated = plan.snapshot.licence
        name, reference = describe_reference(entry, stated)
        text = f"{name} ({reference})"
        file = next((file for file in plan.files if is_licence_text(file.path)), None)
        if file is not None:
            path = anyio.Path(area / "files" / file.path)
            # What an earlier attempt left is enough to be shown; all files are checked later.
            if not await path.is_file():
                follow = self._follow_lookup(entry.name)
                await download(plan.snapshot, (file,), area, self.retry, follow)
            text = (await path.read_bytes()).decode("utf-8", errors="replace")
            reference = file.path
        return LicenceTerms(
            model=entry.id,
            name=entry.name,
            licence=name,
            source=reference,
            text=text,
            repo=plan.snapshot.repo,
            commit=plan.snapshot.commit,
            download_bytes=plan.size,
        )

    async def _fetch(
        self, name: str, snapshot: Snapshot, files: tuple[HubFile, ...], area: Path
    ) -> tuple[FetchedFile, ...]:
        return await download(snapshot, files, area, self.retry, self._follow(name))

    def _follow(self, name: str) -> Follow:
        """Tells how the transfer of the model called ``name`` goes."""
        stages = {
            "check": f"Checking what has arrived of {name}",
            "download": f"Downloading {name}",
        }
        stage = stages["download"]

        async def follow(event: Event) -> None:
            nonlocal stage
            if isinstance(event, Moved):
                stage = stages[event.stage]
                await self.report(stage, event.done, event.total)
            else:
                await self._tell_attempt(stage, event)

        return follow

    def _follow_lookup(self, name: str) -> Follow:
        """Tells of the attempts to look ``name`` up, which moves next to nothing."""

        async def follow(event: Event) -> None:
            if not isinstance(event, Moved):
                await self._tell_attempt(f"Looking up {name}", event)

        return follow

    async def _tell_attempt(self, stage: str, waiting: Waiting) -> None:
        note = tell_attempt(stage, waiting.attempt, waiting.attempts)
        await self.report(note, None, None)


def _record(
    entry: CatalogueEntry,
    plan: Plan,
    fetched: Sequence[FetchedFile],
    acknowledgement: Acknowledgement,
    made: Path,
) -> None:
    """Writes the manifest into ``made``, after a look at the weights' own structure."""
    if (fault := explain_broken(made)) is not None:
        raise InstallError(
            f"{entry.name} is as the hub has it, but it is no model that can be loaded: {fault}. "
            f"Remove the attempt with `acp-agent models remove {entry.id}`."
        )
    manifest = Manifest(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        licence=acknowledgement.licence,
        context_size=entry.context_size or read_context_size(made),
        minimum_memory=entry.minimum_memory,
        source=str(entry.source),
        repo=plan.snapshot.repo,
        revision=plan.snapshot.commit,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        acknowledgement=acknowledgement,
        files=tuple(
            ManifestFile(**file.model_dump())
            for file in sorted(fetched, key=lambda each: each.path)
        ),
    )
    write_manifest(made, manifest)
    write_checked(made, manifest)


def _replace(files: Sequence[HubFile], source: Path, model: Path) -> None:
    for file in files:
        target = model / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (source / file.path).replace(target)
