"""Reading JSON that somebody else wrote, without trusting its shape.

Owns the fallback for a value of the wrong type: an empty one, as ACP asks of readers.
"""

from typing import Any, cast

Json = dict[str, Any]


def as_object(value: object) -> Json:
    """``value`` where it is a JSON object, else an empty one."""
    return cast(Json, value) if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Json]:
    """The objects in ``value`` where it is a JSON array, else none."""
    entries = cast(list[object], value) if isinstance(value, list) else []
    return [cast(Json, entry) for entry in entries if isinstance(entry, dict)]
