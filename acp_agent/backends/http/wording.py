"""A server's own error text, made fit to be shown.

Owns finding the readable part of an error and cutting it to one line without file paths.
Does not own the sentence around it (each backend's ``faults``).
"""

import json
import re
from typing import cast

_TEXT_LIMIT = 300
_PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}")


def error_text(error: object) -> str:
    """The readable part of an ``error`` value.

    Servers nest JSON in strings and objects in objects: ``message``, ``error`` or ``detail``
    is taken from whatever it is, and of a list the first.
    """
    if isinstance(error, str) and error.lstrip().startswith("{"):
        try:
            error = json.loads(error)
        except (ValueError, RecursionError):
            return str(error)
    if isinstance(error, dict):
        fields = cast("dict[str, object]", error)
        found = (fields.get(name) for name in ("message", "error", "detail", "msg"))
        inner = next((each for each in found if each is not None), None)
        return error_text(inner) if inner is not None else json.dumps(fields)
    if isinstance(error, list):
        return error_text(next(iter(cast("list[object]", error)), ""))
    return str(error)


def one_line(text: str) -> str:
    """``text`` as the part of a sentence: one line, bounded, without file paths or full stop, nor
    halves of characters, which no message can carry."""
    text = text.encode("utf-8", "replace").decode()
    line = _PATH.sub("(path)", " ".join(text.split())).rstrip(" :,")
    if len(line) > _TEXT_LIMIT:
        line = line[:_TEXT_LIMIT].rstrip() + "…"
    return line.rstrip(".")
