"""Tool names as Harmony can write them, and back.

Owns a mapping without collisions to ``[A-Za-z_][A-Za-z0-9_]*``: a tool's name stands in
the prompt as a TypeScript type and in the output as a recipient. Does not own the tools.
"""

import re
from collections.abc import Iterable

_VALID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INVALID_CHARACTER = re.compile(r"[^A-Za-z0-9_]")


class ToolNames:
    """The mapping for the tools ``offered``, which does not depend on their order.

    Valid names stay as they are; the others get ``_`` for what is not valid, and a
    number where that is taken. ``past`` are further names that only history knows:
    they never change what an offered tool is called.
    """

    def __init__(self, offered: Iterable[str], past: Iterable[str] = ()) -> None:
        self._written: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for names in (set(offered), set(past)):
            for name in sorted(names, key=lambda name: (not _VALID.fullmatch(name), name)):
                self._assign(name)

    def write(self, name: str) -> str:
        """How Harmony writes the tool ``name``.

        Raises:
            KeyError: it is neither offered nor past.
        """
        return self._written[name]

    def read(self, written: str) -> str | None:
        """The tool that a model wrote as ``written``, None if there is none."""
        return self._names.get(written)

    def _assign(self, name: str) -> None:
        if name in self._written:
            return
        valid = _INVALID_CHARACTER.sub("_", name)
        valid = valid if _VALID.fullmatch(valid) else f"_{valid}"
        written, number = valid, 2
        while written in self._names:
            written, number = f"{valid}_{number}", number + 1
        self._written[name] = written
        self._names[written] = name
