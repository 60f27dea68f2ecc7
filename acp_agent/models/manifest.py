"""The manifest of an installed model: what it is and which files belong to it.

Owns the shape of ``manifest.json`` (and with it ``schemas/manifest.schema.json``) and the
hashing of files. Does not own comparing files with it (``models/integrity``), where models
lie (``models/store``) or how they get there (``models/install``).
"""

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

MANIFEST_NAME: Final = "manifest.json"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError("must stay inside the model's folder")
    return path


InsidePath = Annotated[str, AfterValidator(_inside)]
"""A path below some folder, with slashes."""


class ManifestFile(BaseModel):
    """One file of a model; ``path`` is relative to its folder, with slashes."""

    model_config = ConfigDict(frozen=True)

    path: InsidePath
    size: int = Field(ge=0)
    sha256: Sha256


class Acknowledgement(BaseModel):
    """That the user accepted a licence: which, when (ISO 8601, UTC), and its text's hash.

    ``text`` names what was shown: a file of the model, or the address of the licence.
    """

    model_config = ConfigDict(frozen=True)

    licence: str
    text: str
    text_sha256: Sha256
    accepted: str


class Manifest(BaseModel):
    """``manifest.json``, written last: a folder without it is no installed model.

    Fields of later versions are ignored, so that an older agent reads newer folders.
    ``minimum_memory`` is the bytes that a machine must have, where the makers say so.
    ``created`` is ISO 8601 in UTC. ``source_sha256`` is the hash of what was fetched, where
    that was one file; ``repo`` and ``revision`` are the hub's repository and the commit in
    it, from which files are repaired.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    description: str
    licence: str
    context_size: int | None = Field(default=None, ge=1)
    minimum_memory: int | None = Field(default=None, ge=1)
    source: str
    source_sha256: Sha256 | None = None
    repo: str | None = None
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    created: str
    acknowledgement: Acknowledgement | None = None
    files: tuple[ManifestFile, ...] = Field(min_length=1)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in ``folder``, or None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes ``manifest`` into ``folder`` and flushes it to the disk."""
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())


def describe_files(folder: Path) -> tuple[ManifestFile, ...]:
    """Size and hash of every file in ``folder``, each flushed to the disk first.

    Without the flush a power cut could leave a manifest beside files that never got
    their contents.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    return tuple(
        ManifestFile(
            path=path.relative_to(folder).as_posix(),
            size=path.stat().st_size,
            sha256=hash_file(path),
        )
        for path in files
    )


def hash_file(path: Path) -> str:
    """The sha256 of ``path`` in hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
