"""The configuration file, read: its tables, its text, and its name as people see it.

Owns reading ``config.toml`` without blocking, and the errors of files that are no TOML. Does
not own what the keys mean.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acp_agent.errors import ConfigError

FILE_LIMIT = 1024 * 1024
"""Bytes of a configuration file; more is a mistake."""

_HINT = "correct that, or set ACP_AGENT_CONFIG to the file to use"


@dataclass(slots=True, frozen=True)
class Document:
    """A configuration file that was read."""

    tables: dict[str, Any]
    text: str
    name: str


def shown(path: Path) -> str:
    """``path`` for people: the home folder as ``~``, undecodable bytes replaced."""
    text = os.fsencode(path).decode("utf-8", "replace")
    home = os.path.expanduser("~")
    if os.path.isabs(home) and home != os.sep and text.startswith(home + os.sep):
        text = f"~{text[len(home) :]}"
    return text


def read_document(path: Path) -> Document | None:
    """The file at ``path``, or None where there is none.

    Raises:
        ConfigError: it cannot be read, or is no TOML; names the file and the line.
    """
    name = shown(path)
    content = _content(path, name)
    if content is None:
        return None
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}, line {line}: this is not UTF-8; save the file as UTF-8."
        ) from None
    return Document(_tables(text, name), text, name)


def _content(path: Path, name: str) -> bytes | None:
    """The file's bytes; None where there is no file."""
    try:
        # A pipe or terminal would block; the null device is a customary "no file".
        mode = path.stat().st_mode
        if str(path) == os.devnull:
            return None
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise ConfigError(f"The configuration file {name} is {kind}; {_HINT}.")
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise ConfigError(
            f"The configuration file {name} cannot be read ({reason}); {_HINT}."
        ) from None
    if len(content) > FILE_LIMIT:
        raise ConfigError(f"The configuration file {name} is larger than 1 MiB; {_HINT}.")
    return content


def _tables(text: str, name: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{name}: the values are nested too deeply; simplify them.") from None
    except ValueError as error:
        raise ConfigError(_syntax_error(str(error), text, name)) from None


def _syntax_error(message: str, text: str, name: str) -> str:
    """tomllib's ``message`` with the line first; before Python 3.14 it is only in there."""
    reason, _, place = message.partition(" (at ")
    if found := re.match(r"line (\d+)", place):
        name = f"{name}, line {found[1]}"
    elif place.startswith("end of document"):
        name = f"{name}, line {text.count(chr(10)) + 1}"
    return f"{name}: this is not valid TOML ({reason}); correct it there."
