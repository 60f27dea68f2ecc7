"""The files in which engines save what they computed of a session's prompts.

Owns their names and deleting those of a session, which needs no engine. Does not own what
is in them (``engine/host/cache``).
"""

import contextlib
import hashlib
from pathlib import Path

SUFFIX = ".safetensors"


def saved_file(folder: Path, key: str, fingerprint: str) -> Path:
    """The file of session ``key`` and the model that ``fingerprint`` stands for."""
    return folder / f"{_hash(key)}-{_hash(fingerprint)}{SUFFIX}"


def forget_saved(folder: Path, key: str) -> None:
    """Deletes what was saved in ``folder`` for session ``key``, of every model."""
    for path in folder.glob(f"{_hash(key)}-*{SUFFIX}"):
        delete(path)


def delete(path: Path) -> None:
    """Deletes a file as far as that can be done: it costs space, never an answer."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
