"""The models on this machine: one folder each, counted only with a manifest.

Owns listing, finding, checking and removing. Does not own installing
(``models/install``) or loading (the engine).
"""

import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acp_agent.errors import ResourceNotFound
from acp_agent.models.manifest import Manifest, hash_file, read_manifest

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(slots=True, frozen=True)
class InstalledModel:
    """A model that is whole as far as its manifest says.

    Args:
        path: the MLX model folder, fit for mlx_lm.
        context_size: tokens.
    """

    id: str
    path: Path
    name: str
    description: str
    context_size: int


@dataclass(slots=True, frozen=True)
class FileProblem:
    """A file of an installed model that is not as it was installed.

    Args:
        path: relative to the model's folder, with slashes.
    """

    path: str
    kind: Literal["missing", "size mismatch", "checksum mismatch"]


class ModelStore:
    """The models below ``folder``, which need not exist.

    Names that begin with a dot belong to installations and removals under way.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def installed(self) -> list[InstalledModel]:
        """All installed models by id. Reads manifests only, so it is cheap."""
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError:
            return []
        found = (self.find(name) for name in names)
        return [model for model in found if model is not None]

    def find(self, model_id: str) -> InstalledModel | None:
        """The installed model with this id, or None."""
        manifest = self._manifest(model_id)
        if manifest is None:
            return None
        return InstalledModel(
            id=manifest.id,
            path=self._folder / model_id,
            name=manifest.name,
            description=manifest.description,
            context_size=manifest.context_size,
        )

    def verify(self, model_id: str) -> list[FileProblem]:
        """What differs from the manifest; empty when all is well. Reads every file.

        Raises:
            ResourceNotFound: the model is not installed.
        """
        manifest = self._require(model_id)
        problems: list[FileProblem] = []
        for expected in manifest.files:
            path = self._folder / model_id / expected.path
            if not path.is_file():
                problems.append(FileProblem(expected.path, "missing"))
            elif path.stat().st_size != expected.size:
                problems.append(FileProblem(expected.path, "size mismatch"))
            elif hash_file(path) != expected.sha256:
                problems.append(FileProblem(expected.path, "checksum mismatch"))
        return problems

    def remove(self, model_id: str) -> None:
        """Deletes an installed model; it is not listed from the first step on.

        Raises:
            ResourceNotFound: the model is not installed.
            OSError: the folder cannot be changed.
        """
        self._require(model_id)
        discard(self._folder / model_id)

    def _manifest(self, model_id: str) -> Manifest | None:
        if not _ID.fullmatch(model_id):
            return None
        manifest = read_manifest(self._folder / model_id)
        return manifest if manifest is not None and manifest.id == model_id else None

    def _require(self, model_id: str) -> Manifest:
        manifest = self._manifest(model_id)
        if manifest is None:
            names = ", ".join(model.id for model in self.installed()) or "none"
            raise ResourceNotFound(
                f"The model {model_id!r} is not installed; installed are: {names}."
            )
        return manifest


def discard(folder: Path) -> None:
    """Takes ``folder`` out of sight by a rename, then deletes it; a link only itself.

    Raises:
        OSError: it cannot be renamed. Files left after that are cleared away by the
            next installation of the same model.
    """
    hidden = folder.with_name(f".{folder.name}.removed-{secrets.token_hex(4)}")
    folder.rename(hidden)
    if hidden.is_symlink():
        hidden.unlink()
    else:
        shutil.rmtree(hidden, ignore_errors=True)
