"""Calls in tags: ``<function=name><parameter=key>value</parameter></function>``.

Owns reading the tags and giving their values the type of the schema. Does not own JSON
within them (``objects``). Qwen3-Coder and its kin are trained to write this.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from acp_agent.backends.text_tools.source import Broken, Reading, Source

_OPENERS = (
    "<function=",
    "<function name=",
    "<invoke name=",
    "<tool name=",
    "<tool_call name=",
)
_PARAMETERS = ("<parameter=", "<parameter name=", "<param name=")
_ENDS = ("</parameter>", "</param>", "</function>", "</invoke>", "<parameter=", "<parameter name=")


def read_tag(source: Source, pos: int) -> Reading[int]:
    """Where the name in the function tag at ``pos`` begins, 0 if none stands there."""
    word = yield from source.word(pos, _OPENERS)
    if not word:
        return 0
    return (yield from source.skip(pos + len(word), " \"'"))


def read_parameters(
    source: Source, pos: int, schemas: Mapping[str, Any]
) -> Reading[tuple[dict[str, Any], int]]:
    """The parameters whose tags stand at ``pos``, and where the last one ends.

    Raises:
        Broken: a tag is not closed.
    """
    fields: dict[str, Any] = {}
    while True:
        behind = yield from source.skip(pos)
        word = yield from source.word(behind, _PARAMETERS)
        if not word:
            return fields, pos
        start = yield from source.skip(behind + len(word), " \"'")
        end = yield from _find(source, start, (">",))
        key = source.text[start:end].rstrip(" \"'")
        pos = yield from _find(source, end + 1, _ENDS)
        raw = source.text[end + 1 : pos].removeprefix("\n").removesuffix("\n")
        fields[key] = _typed(raw, schemas.get(key))
        pos += len((yield from source.word(pos, ("</parameter>", "</param>"))))


def _find(source: Source, pos: int, words: tuple[str, ...]) -> Reading[int]:
    """Where the next of ``words`` stands."""
    while not (yield from source.word(pos, words)):
        if not (yield from source.peek(pos)):
            raise Broken("a parameter is not closed", pos)
        pos += 1
    return pos


def _typed(raw: str, schema: Any) -> Any:
    """``raw`` as its schema has it; text where that does not work, which the tool tells."""
    kinds = _kinds(schema)
    if not kinds or "string" in kinds:
        return raw
    try:
        return json.loads(raw if kinds != {"boolean"} else raw.strip().lower())
    except (ValueError, RecursionError):
        return raw


def _kinds(schema: Any) -> set[str]:
    """The JSON types that ``schema`` allows, empty if it does not say."""
    if not isinstance(schema, Mapping):
        return set()
    fields = cast("Mapping[str, Any]", schema)
    found: Any = fields.get("type", [])
    kinds: set[str] = {found} if isinstance(found, str) else set(found)
    for each in fields.get("anyOf", ()):
        kinds |= _kinds(each)
    return kinds
