"""The keyed hash of a prompt, and its key: prompts can be told apart, not guessed.

Owns the key's file: random, made once for all processes, for this user only (0600). Does
not own what the hash is kept for (``decision_log``).
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

from acp_agent.config.paths import private_folder

KEY_SIZE = 32
"""Bytes of the key."""
HASH_SIZE = 32
"""Hex digits of a hash that are kept, 128 bits."""


def hash_text(text: str, key: bytes) -> str:
    """HMAC-SHA256 of ``text`` under ``key`` in hex, cut to HASH_SIZE digits."""
    data = text.encode("utf-8", "surrogatepass")
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:HASH_SIZE]


def load_key(path: Path) -> bytes:
    """The key in the file at ``path``, which is made where it is missing or broken.

    Raises:
        OSError: it can be neither read nor made.
    """
    key = _read(path)
    if key is not None:
        return key
    private_folder(path.parent)
    made = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="ascii") as text:
            text.write(secrets.token_hex(KEY_SIZE))
        _put_in_place(made, path)
    finally:
        made.unlink(missing_ok=True)
    key = _read(path)
    if key is None:
        raise OSError("the key cannot be read")
    return key


def _put_in_place(made: Path, path: Path) -> None:
    """Moves ``made`` to ``path``; a key that another process put there first stays."""
    try:
        os.link(made, path)
    except OSError:
        # Something stands there, or the file system has no hard links.
        if _read(path) is None:
            os.replace(made, path)


def _read(path: Path) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as content:
        if sys.platform != "win32" and os.fstat(file).st_mode & 0o077:
            with contextlib.suppress(OSError):
                os.fchmod(file, 0o600)
        text = content.read(2 * KEY_SIZE + 1)
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    return key if len(key) == KEY_SIZE else None
