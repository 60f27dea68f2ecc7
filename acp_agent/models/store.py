"""The models on this machine: one folder each, counted only with a manifest.

Owns listing, finding, checking and removing. Does not own installing
(``models/install``) or loading (the engine).
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acp_agent.errors import InstallError, ResourceNotFound
from acp_agent.models.custom import CustomModel
from acp_agent.models.folders import discard, run_alone
from acp_agent.models.integrity import FileProblem, changed_since_install, verify_files
from acp_agent.models.manifest import Manifest, read_manifest
from acp_agent.models.pending import Pending
from acp_agent.models.structure import explain_broken, read_context_size

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(slots=True, frozen=True)
class InstalledModel:
    """A model that is whole as far as its manifest says.

    Args:
        path: the MLX model folder, fit for mlx_lm.
        context_size: tokens; None where the model does not say.
        revision: the commit that it is from, where it is from the hub.
    """

    id: str
    path: Path
    name: str
    description: str
    context_size: int | None
    revision: str | None = None


class ModelStore:
    """The models below ``folder``, which need not exist, and the user's own folders.

    Names that begin with a dot belong to installations and removals under way.

    Args:
        custom: models of the configuration; those with a path are listed too.
    """

    def __init__(self, folder: Path, custom: Iterable[CustomModel] = ()) -> None:
        self._folder = folder
        self._own = {model.id: (model, model.path) for model in custom if model.path is not None}

    def installed(self) -> list[InstalledModel]:
        """All installed models by id. Reads small files only, so it is cheap.

        A folder of the user's is listed even where it is not there, so that this is seen: its
        description says so, and ``check`` refuses it.
        """
        names = set(self._own)
        with suppress(OSError):
            names |= {path.name for path in self._folder.iterdir()}
        found = (self.find(name) for name in sorted(names))
        return [model for model in found if model is not None]

    def find(self, model_id: str) -> InstalledModel | None:
        """The installed model with this id, or None."""
        if model_id in self._own:
            return self._find_own(model_id)
        manifest = self.manifest(model_id)
        if manifest is None:
            return None
        return InstalledModel(
            id=manifest.id,
            path=self._folder / model_id,
            name=manifest.name,
            description=manifest.description,
            context_size=manifest.context_size,
            revision=manifest.revision,
        )

    def find_own(self, model_id: str) -> InstalledModel | None:
        """The user's own folder that the configuration calls ``model_id``, or None."""
        return self._find_own(model_id) if model_id in self._own else None

    def explain_missing(self, model_id: str) -> str | None:
        """That the user's own folder ``model_id`` is not there, with the setting; else None."""
        if model_id not in self._own or (self._own[model_id][1] / "config.json").is_file():
            return None
        return (
            f"models.{model_id}.path in the configuration names a folder that is not there or "
            "holds no MLX model (no config.json): correct it, or take it out."
        )

    def manifest(self, model_id: str) -> Manifest | None:
        """The manifest of an installed model; None also for a folder of the user's."""
        if model_id in self._own or not _ID.fullmatch(model_id):
            return None
        manifest = read_manifest(self._folder / model_id)
        return manifest if manifest is not None and manifest.id == model_id else None

    def verify(self, model_id: str) -> list[FileProblem]:
        """What differs from the manifest; empty when all is well. Reads every file.

        Raises:
            ResourceNotFound: the model is not installed.
        """
        return verify_files(self._folder / model_id, self.require(model_id))

    def check(self, model_id: str) -> str | None:
        """Why the model must not be loaded, in a sentence with the next step; None if it may.

        Reads only files whose size or time has changed since they were last found right.

        Raises:
            ResourceNotFound: the model is not installed.
        """
        if model_id in self._own:
            if (reason := self.explain_missing(model_id)) is not None:
                return reason
            _, path = self._own[model_id]
            try:
                fault = explain_broken(path)
            except OSError as error:
                fault = error.strerror or "it cannot be read"
            return None if fault is None else f"The model {model_id} cannot be loaded: {fault}."
        problems = changed_since_install(self._folder / model_id, self.require(model_id))
        if not problems:
            return None
        listed = ", ".join(f"{each.path} ({each.kind})" for each in problems[:3])
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        return (
            f"The model {model_id} has changed since it was installed: {listed}{more}. Run "
            f"`acp-agent models verify --repair {model_id}`."
        )

    def remove(self, model_id: str) -> None:
        """Deletes an installed model, or what an unfinished download of it left.

        It is not listed from the first step on.

        Raises:
            ResourceNotFound: there is neither.
            InstallError: it is being installed, or is a folder of the user's.
            OSError: the folder cannot be changed.
        """
        if model_id in self._own:
            raise InstallError(
                f"{model_id} is a folder of your own: take it out of the configuration instead."
            )
        pending = self._pending(model_id)
        if pending is None:
            self.require(model_id)
            discard(self._folder / model_id)
            return

        def act() -> None:
            if self.manifest(model_id) is not None:
                discard(self._folder / model_id)
            pending.discard()

        if not run_alone(self._folder, model_id, act):
            raise InstallError(f"{model_id} is being installed by another process: end that first.")

    def unfinished(self, model_id: str) -> tuple[int, int] | None:
        """Bytes that have arrived and bytes in all of a download that was interrupted."""
        pending = self._pending(model_id)
        plan = None if pending is None else pending.load()
        return None if pending is None or plan is None else (pending.arrived(plan), plan.size)

    def require(self, model_id: str) -> Manifest:
        """The manifest of an installed model.

        Raises:
            ResourceNotFound: the model is not installed.
        """
        manifest = self.manifest(model_id)
        if manifest is None:
            names = ", ".join(model.id for model in self.installed()) or "none"
            raise ResourceNotFound(
                f"The model {model_id!r} is not installed; installed are: {names}."
            )
        return manifest

    def _pending(self, model_id: str) -> Pending | None:
        if not _ID.fullmatch(model_id):
            return None
        pending = Pending(self._folder, model_id)
        return pending if pending.folder.exists() else None

    def _find_own(self, model_id: str) -> InstalledModel:
        model, path = self._own[model_id]
        missing = self.explain_missing(model_id)
        return InstalledModel(
            id=model_id,
            path=path,
            name=model.name or model_id,
            description=missing or "A folder of your own.",
            context_size=None if missing else model.context_size or read_context_size(path),
        )
