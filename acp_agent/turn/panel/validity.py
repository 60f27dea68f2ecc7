"""Whether an answer is valid: its code parses, or it matches a JSON Schema; pure but for
reading the schema's file.

Owns both checks and their sentences. Does not own running tests (``testing``), nor what
follows from a check (``strategies``). Code is parsed and never run here.
"""

import ast
import json
import os
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from acp_agent.errors import ConfigError
from acp_agent.turn.panel.blocks import CodeBlock, find_blocks
from acp_agent.turn.panel.wording import without_thoughts

Standing = Literal["valid", "unknown", "invalid"]

CODE_LIMIT = 200_000
"""Characters of code that are parsed; more counts as unknown."""
SCHEMA_LIMIT = 1_000_000
"""Bytes of a schema's file."""
_FAULT_LIMIT = 200
_MOST_TRIED = 64


@dataclass(slots=True, frozen=True)
class Checked:
    """Whether an answer is valid, and why, in a sentence for the user."""

    standing: Standing
    reason: str


def check_parse(text: str) -> Checked:
    """Whether all code of known languages in ``text`` parses: Python, JSON and TOML. Of other
    languages only the fences are looked at, which leaves it unknown."""
    blocks = find_blocks(without_thoughts(text))
    if not blocks:
        return Checked("unknown", "It has no code block, so there is nothing to parse.")
    if not blocks[-1].is_closed:
        return Checked("invalid", "Its last code block is not closed.")
    known = [block for block in blocks if _can_parse(block)]
    for block in known:
        fault = _parse(block)
        if fault:
            return Checked("invalid", f"Its {_NAMES[block.language]} does not parse: {fault}.")
    if known:
        names = sorted({_NAMES[block.language] for block in known})
        return Checked("valid", f"Its {' and '.join(names)} parses.")
    named = sorted({block.language for block in blocks if block.language})
    what = f"code in {', '.join(named)}" if named else "code that names no language"
    return Checked("unknown", f"It has {what}, which is not checked; its fences are closed.")


def _can_parse(block: CodeBlock) -> bool:
    is_transcript = block.language == "python" and block.code.lstrip().startswith(">>>")
    return block.language in _PARSERS and len(block.code) <= CODE_LIMIT and not is_transcript


def _parse(block: CodeBlock) -> str:
    """What is wrong with the block, empty for nothing."""
    try:
        _PARSERS[block.language](block.code)
    except SyntaxError as error:
        return f"{error.msg} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return _shorten(str(error) or "it is nested too deeply")
    return ""


def _parse_python(code: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes are no fault
        ast.parse(code)


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "python": _parse_python,
    "json": json.loads,
    "toml": tomllib.loads,
}
_NAMES = {"python": "Python", "json": "JSON", "toml": "TOML"}


class SchemaCheck:
    """The JSON Schema that answers must match, read from the user's file."""

    def __init__(self, name: str) -> None:
        """Reads and checks the file ``name``.

        Raises:
            ConfigError: it cannot be read, is no JSON, or no JSON Schema.
        """
        self._schema = _read_schema(name)

    def check(self, text: str) -> Checked:
        """Whether the JSON in ``text`` matches: the whole text, a fenced block, or the first
        object or array in it."""
        found = _find_json(without_thoughts(text))
        if found is None:
            return Checked("invalid", "There is no JSON in it.")
        fault = _find_fault(self._schema, found.value)
        if fault is None:
            return Checked("valid", "It matches the schema.")
        return Checked("invalid", f"It does not match the schema: {fault}.")


def _read_schema(name: str) -> Any:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    said = f"panel.answer_schema names {Path(name).name!r}, which"
    try:
        path = Path(os.path.expanduser(name))
        if path.stat().st_size > SCHEMA_LIMIT:
            raise ConfigError(f"{said} is larger than {SCHEMA_LIMIT:,} bytes. Name a smaller one.")
        schema = json.loads(path.read_text(encoding="utf-8"))
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{said} cannot be read: {reason}. Correct the setting.") from error
    except SchemaError as error:
        fault = _shorten(error.message)
        raise ConfigError(f"{said} is no JSON Schema: {fault}. Correct the file.") from error
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise ConfigError(f"{said} is no JSON: {_shorten(str(error))}. Correct it.") from error
    return schema


def _find_fault(schema: Any, value: Any) -> str | None:
    from jsonschema import exceptions
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    kind = validator_for(schema, default=Draft202012Validator)
    # A registry of its own, so that a reference to an address fetches nothing.
    validator = kind(schema, registry=Registry())
    try:
        fault = cast("Any", exceptions).best_match(validator.iter_errors(value))
    except Exception as error:
        # References and patterns show their faults only now, in errors of many libraries.
        raise ConfigError(
            f"The schema of panel.answer_schema cannot be used: {_shorten(str(error))}. "
            "It can refer to nothing outside of its file. Correct it."
        ) from error
    if fault is None:
        return None
    place = ".".join(map(str, fault.absolute_path))
    return f"{place}: {_shorten(fault.message)}" if place else _shorten(fault.message)


@dataclass(slots=True, frozen=True)
class _Found:
    """A JSON value; null is one too."""

    value: Any


def _find_json(text: str) -> _Found | None:
    """The whole text, a block that is JSON, else the first object or array in the text."""
    blocks = (block.code for block in find_blocks(text) if block.language in ("json", ""))
    for each in (text, *blocks):
        try:
            return _Found(json.loads(each))
        except (ValueError, RecursionError):
            continue
    decoder, pos = json.JSONDecoder(), -1
    for _ in range(_MOST_TRIED):
        starts = [at for mark in "{[" if (at := text.find(mark, pos + 1)) >= 0]
        if not starts:
            return None
        pos = min(starts)
        try:
            return _Found(decoder.raw_decode(text, pos)[0])
        except (ValueError, RecursionError):
            continue
    return None


def _shorten(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _FAULT_LIMIT else f"{line[: _FAULT_LIMIT - 1]}\u2026"
