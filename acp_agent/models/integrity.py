"""Comparing an installed model's files with its manifest, thoroughly or cheaply.

Owns the comparison and the note of sizes and times that makes the cheap one possible. Does
not own the manifest (``models/manifest``) or repairing (``models/install``).
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from acp_agent.models.manifest import MANIFEST_NAME, Manifest, ManifestFile, hash_file

CHECKED_NAME: Final = ".checked.json"
"""Sizes and times of the files when their hashes were last seen to be right. It is no part
of the manifest, because a copy of the model has other times and is the same model."""

_READ_BY_LOADERS: Final = (
    ".jinja", ".json", ".model", ".py", ".safetensors", ".tiktoken", ".txt"
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class FileProblem:
    """A file of an installed model that is not as it was installed.

    Args:
        path: relative to the model's folder, with slashes.
        kind: ``unexpected`` for a file that was added and that would be loaded.
    """

    path: str
    kind: Literal["missing", "size mismatch", "checksum mismatch", "unexpected"]


def verify_files(folder: Path, manifest: Manifest) -> list[FileProblem]:
    """What differs in ``folder``; empty when all is well. Reads every file.

    When all is well the sizes and times are noted for ``changed_since_install``.
    """
    problems = [
        problem
        for expected in manifest.files
        if (problem := _problem(folder, expected, {})) is not None
    ]
    problems += _unexpected(folder, manifest)
    if not problems:
        write_checked(folder, manifest)
    return problems


def changed_since_install(folder: Path, manifest: Manifest) -> list[FileProblem]:
    """As ``verify_files``, but reads only files whose size or time is not the noted one."""
    noted = _read_checked(folder)
    problems: list[FileProblem] = []
    has_read = False
    for expected in manifest.files:
        has_read |= noted.get(expected.path) != _stamp(folder / expected.path)
        if (problem := _problem(folder, expected, noted)) is not None:
            problems.append(problem)
    problems += _unexpected(folder, manifest)
    if has_read and not problems:
        write_checked(folder, manifest)
    return problems


def write_checked(folder: Path, manifest: Manifest) -> None:
    """Notes sizes and times of files that are known to be right.

    A folder that cannot be written goes without: its files are then read every time.
    """
    stamps = {file.path: _stamp(folder / file.path) for file in manifest.files}
    temporary = folder / f"{CHECKED_NAME}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(stamps), encoding="utf-8")
        temporary.replace(folder / CHECKED_NAME)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _problem(
    folder: Path, expected: ManifestFile, noted: Mapping[str, list[int]]
) -> FileProblem | None:
    path = folder / expected.path
    stamp = _stamp(path)
    if stamp is None:
        return FileProblem(expected.path, "missing")
    if stamp[0] != expected.size:
        return FileProblem(expected.path, "size mismatch")
    if noted.get(expected.path) != stamp and hash_file(path) != expected.sha256:
        return FileProblem(expected.path, "checksum mismatch")
    return None


def _unexpected(folder: Path, manifest: Manifest) -> list[FileProblem]:
    known = {file.path for file in manifest.files} | {MANIFEST_NAME}
    found = (
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.suffix in _READ_BY_LOADERS and not path.name.startswith(".") and path.is_file()
    )
    return [FileProblem(path, "unexpected") for path in found if path not in known]


def _stamp(path: Path) -> list[int] | None:
    """Size and time of change of the file ``path``; None where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns] if path.is_file() else None


def _read_checked(folder: Path) -> Mapping[str, list[int]]:
    try:
        content = json.loads((folder / CHECKED_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, list[int]]", content) if isinstance(content, dict) else {}
