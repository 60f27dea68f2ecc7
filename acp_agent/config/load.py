"""The settings in force: defaults, the file over them, the environment over both.

Owns precedence, and where each value came from. Does not own the settings' shape
(``config/settings``), the file's place (``config/paths``) or its reading (``config/file``).
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from acp_agent.config.environment import read_overrides
from acp_agent.config.file import Document, read_document
from acp_agent.config.keys import KeyPath, dotted, setting_keys
from acp_agent.config.paths import Paths
from acp_agent.config.settings import Settings
from acp_agent.errors import ConfigError

_SHOWN_PROBLEMS = 5


@dataclass(slots=True, frozen=True)
class Origin:
    """Where a value came from: the file's path as shown and its line, or the variable."""

    kind: Literal["default", "file", "environment"]
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.kind == "default":
            return "default"
        if self.kind == "environment":
            return f"environment variable {self.name}"
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(slots=True, frozen=True)
class Loaded:
    """The settings, and each one's origin by dotted key (``ollama.base_url``)."""

    settings: Settings
    origins: Mapping[str, Origin]


def load_settings(paths: Paths, environ: Mapping[str, str] | None = None) -> Loaded:
    """The settings for ``paths`` and ``environ`` (default: the process's environment).

    A file that is not there is no error. Reads at most one small file and blocks on
    nothing else.

    Raises:
        ConfigError: the file cannot be read or has an error in it, or a variable has.
    """
    origins = {dotted(key): Origin("default") for key in setting_keys()}
    merged: dict[str, Any] = {}
    document = read_document(paths.config_file)
    if document is not None and document.tables:
        merged = document.tables
        _check(document)
        origins.update(_file_origins(document))
    for override in read_overrides(os.environ if environ is None else environ):
        _put(merged, override.path, override.value)
        origins[dotted(override.path)] = Origin("environment", override.name)
    # Strict: a TOML value has a type, so text is no number; the environment's are parsed.
    settings = Settings.model_validate(merged, strict=True) if merged else Settings()
    return Loaded(settings, origins)


def _check(document: Document) -> None:
    try:
        Settings.model_validate(document.tables, strict=True)
    except ValidationError as error:
        raise ConfigError(_report(document, error)) from None


def _report(document: Document, error: ValidationError) -> str:
    """The problems in the order of the file, a line each."""
    from acp_agent.config.problems import find_problems
    from acp_agent.config.toml_lines import find_key_lines, line_of

    lines = find_key_lines(document.text)
    found = sorted((line_of(lines, path) or 0, sentence) for path, sentence in find_problems(error))
    sentences = [
        f"{document.name}{f', line {line}' if line else ''}: {sentence}"
        for line, sentence in found[:_SHOWN_PROBLEMS]
    ]
    if len(found) > _SHOWN_PROBLEMS:
        sentences.append(f"There are {len(found) - _SHOWN_PROBLEMS} more.")
    return "\n".join(sentences)


def _file_origins(document: Document) -> Iterator[tuple[str, Origin]]:
    from acp_agent.config.toml_lines import find_key_lines, line_of

    lines = find_key_lines(document.text)
    for key in setting_keys():
        if _holds(document.tables, key):
            yield dotted(key), Origin("file", document.name, line_of(lines, key))


def _holds(tables: dict[str, Any], path: KeyPath) -> bool:
    *sections, name = path
    for section in sections:
        tables = tables.get(section, {})
    return name in tables


def _put(tables: dict[str, Any], path: KeyPath, value: object) -> None:
    *sections, name = path
    for section in sections:
        tables = tables.setdefault(section, {})
    tables[name] = value
