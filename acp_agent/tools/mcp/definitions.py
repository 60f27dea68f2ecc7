"""What models are told of a server's tool: its description and schema within bounds; pure.

Owns the caps on one tool, and making any schema one that can be sent on. Does not own the
cap on all tools together (``turn/offer``).
"""

import json
from collections.abc import Mapping
from typing import Any, cast

DESCRIPTION_LIMIT = 600
"""Characters of a tool's description."""
SCHEMA_LIMIT = 4096
"""Bytes of a tool's schema as JSON, about 1,200 tokens."""
HINT_LIMIT = 100
"""Characters of a parameter's description in a schema that was too long."""

_DEPTH = 12
_NOISE = frozenset({"$schema", "$id", "$comment", "title", "examples", "deprecated"})
_NAMED = frozenset({"properties", "$defs", "definitions", "patternProperties"})
"""Keywords whose keys are names, not keywords."""
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NESTED = frozenset({"items", "not", "if", "then", "else", "contains", "propertyNames"})

_SHAPES: Mapping[str, type | tuple[type, ...]] = {
    "description": str,
    "enum": list,
    "required": list,
    "type": (str, list),
    "$ref": str,
}
"""What backends rely on that write a schema in another form."""


def shorten(text: str, limit: int) -> str:
    """``text`` on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0] + "…"


def compact_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` as the parameters of a tool, in at most SCHEMA_LIMIT bytes.

    What costs tokens only is left out; then, one after the other until it fits, the words
    on nested values, everything below the parameters, and all of it.
    """
    whole = _object(_tidy(schema, _DEPTH))
    if _size(whole) <= SCHEMA_LIMIT:
        return whole
    fewer_words = _object(_tidy(schema, _DEPTH, words=False))
    fewer_words["properties"] = {
        name: _with_hint(value, _properties(schema).get(name))
        for name, value in fewer_words["properties"].items()
    }
    flat = _object({**fewer_words, "properties": _flatten(fewer_words["properties"])})
    flat = {key: flat[key] for key in ("type", "properties", "required") if key in flat}
    for candidate in (fewer_words, flat):
        if _size(candidate) <= SCHEMA_LIMIT:
            return candidate
    return {"type": "object", "properties": {}}


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` with the two keywords that every backend relies on."""
    properties = _properties(schema)
    result = {**schema, "type": "object", "properties": properties}
    if "required" in schema:
        named = [name for name in schema["required"] if isinstance(name, str)]
        result["required"] = [name for name in named if name in properties]
    return result


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}


def _tidy(schema: Any, depth: int, *, words: bool = True) -> dict[str, Any]:
    """``schema`` without noise; what is no schema becomes one that allows anything."""
    if not isinstance(schema, Mapping) or depth == 0:
        return {}
    tidy: dict[str, Any] = {}
    for key, value in cast("Mapping[str, Any]", schema).items():
        if key in _NOISE or not isinstance(value, _SHAPES.get(key, object)):
            continue
        if key == "description" and not words:
            continue
        if key in _NAMED:
            named = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
            tidy[key] = {name: _tidy(each, depth - 1, words=words) for name, each in named.items()}
        elif key in _LISTS and isinstance(value, list):
            each_of = cast("list[Any]", value)
            tidy[key] = [_tidy(each, depth - 1, words=words) for each in each_of]
        elif key in _NESTED:
            tidy[key] = _tidy(value, depth - 1, words=words)
        else:
            tidy[key] = value
    return tidy


def _with_hint(schema: dict[str, Any], original: Any) -> dict[str, Any]:
    words = _tidy(original, 1).get("description")
    return schema if words is None else {**schema, "description": shorten(words, HINT_LIMIT)}


def _flatten(properties: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("type", "description")
    return {
        name: {key: value[key] for key in kept if key in value}
        for name, value in properties.items()
    }


def _size(schema: Mapping[str, Any]) -> int:
    return len(json.dumps(schema).encode())
