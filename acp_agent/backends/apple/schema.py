"""A JSON Schema as Apple's guided generation takes it; pure.

Owns the spelling only. What Apple's form cannot say is left out, so that a schema gets
wider and never narrower in that; whoever asked checks the answer (``backends/structured``).

Source: the schemas that ``GenerationSchema.to_dict`` of apple-fm-sdk 0.2.1 gives.
"""

from collections.abc import Mapping
from typing import Any, cast

_KEPT = (
    "$ref",
    "description",
    "enum",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "pattern",
    "type",
)


def spell_schema(schema: Mapping[str, Any], title: str = "Answer") -> dict[str, Any]:
    """``schema`` with the title, order and closed list of properties that Apple's form wants."""
    choices = _choices(schema)
    if len(choices) == 1:
        return spell_schema({**_without_choices(schema), **choices[0]}, title)
    spelled = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        spelled["enum"] = [schema["const"]]
    if isinstance(kinds := spelled.get("type"), list):
        spelled["type"] = next(kind for kind in cast("list[str]", kinds) if kind != "null")
    if choices:
        spelled["anyOf"] = [spell_schema(each, f"{title}{n}") for n, each in enumerate(choices, 1)]
    if "items" in schema:
        spelled["items"] = spell_schema(schema["items"], f"{title}Item")
    if "$defs" in schema:
        spelled["$defs"] = {
            name: spell_schema(each, name) for name, each in _named(schema["$defs"]).items()
        }
    if "properties" in schema:
        spelled |= _object(schema, title)
    return spelled


def _object(schema: Mapping[str, Any], title: str) -> dict[str, Any]:
    properties = _named(schema["properties"])
    return {
        "type": "object",
        "title": str(schema.get("title", title)),
        "properties": {
            name: spell_schema(each, name.title().replace("_", ""))
            for name, each in properties.items()
        },
        "required": list(schema.get("required", ())),
        "x-order": list(properties),
        "additionalProperties": False,
    }


def _choices(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a value may be instead, but for null: a property is left out rather than null."""
    choices = cast("list[Mapping[str, Any]]", schema.get("anyOf") or schema.get("oneOf") or [])
    return [each for each in choices if each.get("type") != "null"]


def _without_choices(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}


def _named(value: object) -> Mapping[str, Mapping[str, Any]]:
    return cast("Mapping[str, Mapping[str, Any]]", value)
