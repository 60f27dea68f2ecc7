"""Reading JSON of servers that differ in what they leave out, add, and spell otherwise.

Owns values that are used only if they are what they should be. Does not own what they mean.
Half a character (a lone surrogate, which strict parsers refuse) passes: ``joining`` mends it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

EMPTY: Mapping[str, Any] = {}


def parse_object(data: bytes | str) -> Mapping[str, Any] | None:
    """The JSON object in ``data``; None where there is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None


def as_object(value: object) -> Mapping[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else EMPTY


def as_objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects in the list ``value``; an object alone counts as a list of one."""
    if isinstance(value, dict):
        yield cast("Mapping[str, Any]", value)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            if isinstance(each, dict):
                yield cast("Mapping[str, Any]", each)


def as_text(value: object) -> str:
    """``value`` if it is text; the text of its parts if it is a list of them; else empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(as_text(each.get("text")) for each in as_objects(cast("object", value)))
    return ""


def as_count(value: Any) -> int | None:
    """``value`` if it counts something, else None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 2**63 else None


def as_seconds(milliseconds: Any) -> float | None:
    """A time in seconds; None where it is none."""
    return None if as_count(milliseconds) is None else milliseconds / 1000
