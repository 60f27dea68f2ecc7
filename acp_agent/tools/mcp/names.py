"""Names of servers' tools and prompts as models and users know them; pure.

Owns the allowed characters, the length and that no two are alike. Names depend on the order
of what is given only, so that they are the same at every start.
"""

import hashlib
import re
from collections.abc import Iterable

NAME_LIMIT = 64
"""Characters of a name; what the APIs of models take."""

_SERVER_LIMIT = 24
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def unique_names(pairs: Iterable[tuple[str, str]], separator: str) -> list[str]:
    """A name for each (server, tool) of ``pairs``, as ``server__tool``."""
    taken: set[str] = set()
    names: list[str] = []
    for server, tool in pairs:
        name = _shorten(f"{_clean(server)[:_SERVER_LIMIT]}{separator}{_clean(tool)}")
        chosen, number = name, 2
        while chosen in taken:
            ending = f"_{number}"
            chosen, number = name[: NAME_LIMIT - len(ending)] + ending, number + 1
        taken.add(chosen)
        names.append(chosen)
    return names


def _clean(name: str) -> str:
    return _OTHER.sub("_", name).strip("_") or "unnamed"


def _shorten(name: str) -> str:
    """``name`` within the limit; what was cut off still tells two apart."""
    if len(name) <= NAME_LIMIT:
        return name
    mark = "_" + hashlib.sha256(name.encode()).hexdigest()[:6]
    return name[: NAME_LIMIT - len(mark)] + mark
