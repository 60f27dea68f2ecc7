"""Lines on disk: a private file for each session and model.

Owns names, size and safety of the files: written whole or not at all, and the oldest go
first. Does not own their content (``saved``) or when they are written (``store``). A
failure here costs time, never an answer, so it is logged and nothing more.
"""

import contextlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from acp_agent.config.paths import private_folder
from acp_agent.engine.host.cache import saved
from acp_agent.engine.host.cache.line import Line, evaluate
from acp_agent.engine.saved_prompts import SUFFIX, delete, forget_saved, saved_file

_LOG = logging.getLogger(__name__)
_HEADER = 256
"""Bytes that safetensors' header takes for an array; more than it does."""
_UNFINISHED = ".unfinished-"
_ABANDONED_AFTER = 3600.0


class Disk:
    """The saved lines of one model in a folder that models share.

    Args:
        make_cache: makes the model's empty caches; saved lines must fit them.
        limit: bytes that all files in ``folder`` may take together.
        fingerprint: stands for the model; lines of another are not used.
    """

    def __init__(
        self, folder: Path, limit: int, fingerprint: str, make_cache: Callable[[], list[Any]]
    ) -> None:
        self._folder = folder
        self._limit = limit
        self._fingerprint = fingerprint
        self._make_cache = make_cache
        self._make_room(0, before=None)

    @property
    def nbytes(self) -> int:
        """Bytes of all saved lines, other models' too."""
        return sum(size for _, size, _ in self._files())

    def save(self, line: Line, note: str | None) -> bool:
        """Writes ``line``, which must be settled; False where it could not be."""
        if line.key is None or not saved.can_save(line):
            return False
        path = self._path(line.key)
        try:
            arrays, metadata = saved.pack(line, note, name=path.name, fingerprint=self._fingerprint)
            size = sum(array.nbytes + _HEADER for array in arrays.values()) + _HEADER
            size += len(json.dumps(metadata))
            if not self._make_room(size, before=line.used, replaced=path):
                return False
            self._write(path, arrays, metadata, line.used)
        # mlx raises RuntimeError for what it cannot write, as to a full disk.
        except (OSError, RuntimeError, ValueError) as error:
            _LOG.warning("A prompt cache was not saved: %s", _reason(error))
            return False
        return True

    def load(self, key: str) -> tuple[Line, str | None] | None:
        """The line of ``key`` and its note, its arrays still on disk; None without one.

        A file that cannot be used is deleted.
        """
        import mlx.core as mx

        path = self._path(key)
        if not path.is_file():
            return None
        try:
            arrays, metadata = cast(
                "tuple[dict[str, Any], dict[str, str]]", mx.load(str(path), return_metadata=True)
            )
            line, note = saved.unpack(
                arrays,
                metadata,
                self._make_cache,
                key=key,
                name=path.name,
                fingerprint=self._fingerprint,
            )
            line.used = path.stat().st_mtime
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            _LOG.warning("A saved prompt cache is unusable and goes: %s", _reason(error))
            delete(path)
            return None
        line.saved = True
        return line, note

    def touch(self, line: Line) -> None:
        """Notes that ``line``, which is saved as it is, was used."""
        if line.key is not None:
            with contextlib.suppress(OSError):
                os.utime(self._path(line.key), (line.used, line.used))

    def drop(self, key: str) -> None:
        """Deletes the line of ``key`` for this model."""
        delete(self._path(key))

    def forget(self, key: str) -> None:
        """Deletes the lines of ``key`` for all models."""
        forget_saved(self._folder, key)

    def _path(self, key: str) -> Path:
        return saved_file(self._folder, key, self._fingerprint)

    def _write(
        self, path: Path, arrays: dict[str, Any], metadata: dict[str, str], used: float
    ) -> None:
        import mlx.core as mx

        private_folder(self._folder)
        handle, name = tempfile.mkstemp(suffix=SUFFIX, prefix=_UNFINISHED, dir=self._folder)
        try:
            evaluate(list(arrays.values()))
            mx.save_safetensors(name, arrays, metadata)  # pyright: ignore[reportUnknownMemberType]
            # Without this a crash of the machine may leave a whole file of zeros.
            os.fsync(handle)
            os.utime(name, (used, used))
            os.replace(name, path)
        except BaseException:
            delete(Path(name))
            raise
        finally:
            os.close(handle)

    def _make_room(self, size: int, *, before: float | None, replaced: Path | None = None) -> bool:
        """Deletes the oldest files until ``size`` bytes more fit; False if they do not.

        Files last used after ``before`` stay.
        """
        files = sorted(file for file in self._files() if file[2] != replaced)
        over = size + sum(each for _, each, _ in files) - self._limit
        oldest: list[Path] = []
        for used, each, path in files:
            if over > 0 and (before is None or used <= before):
                oldest.append(path)
                over -= each
        if over > 0:
            return False
        for path in oldest:
            delete(path)
        return True

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was last used, its bytes and its path."""
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                found = path.stat()
                if not path.name.startswith(_UNFINISHED):
                    yield found.st_mtime, found.st_size, path
                # Another engine may be writing: only what nobody writes any more goes.
                elif found.st_mtime < time.time() - _ABANDONED_AFTER:
                    delete(path)


def _reason(error: Exception) -> str:
    """Why, without the path that an OSError would name."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
