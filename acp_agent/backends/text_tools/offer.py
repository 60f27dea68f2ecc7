"""The tools on offer, as the reader of calls needs them.

Owns finding a tool by the name that a model wrote, and what its schema says of parameters.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from acp_agent.backends.text_tools.source import Reading, Source
from acp_agent.conversation import Tool

_NAMESPACES = ("functions.", "default_api.", "tools.")


class Offer:
    """``tools`` by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name.lower(): tool for tool in reversed(tools)}

    @property
    def names(self) -> Collection[str]:
        """The offered names in lower case."""
        return self._tools.keys()

    def read(self, source: Source, pos: int) -> Reading[tuple[str, int]]:
        """The offered name that stands at ``pos``, and where it ends; empty if none does."""
        pos += len((yield from source.word(pos, _NAMESPACES)))
        word = yield from source.word(pos, self._tools)
        if not word:
            return "", pos
        end = pos + len(word)
        behind = yield from source.peek(end)
        if behind.isalnum() or behind in ("_", "-"):
            return "", pos
        return self._tools[word].name, end

    def find(self, name: str) -> str:
        """The offered name that ``name`` means, empty if it means none."""
        for namespace in _NAMESPACES:
            name = name.removeprefix(namespace)
        tool = self._tools.get(name.strip().removesuffix("()").lower())
        return tool.name if tool else ""

    def properties(self, name: str) -> Mapping[str, Any]:
        """The schemas of the parameters of the tool ``name``, in their order."""
        found = self._tools[name.lower()].parameters.get("properties")
        return found or {}

    def required(self, name: str) -> Sequence[str]:
        """The parameters that a call of the tool ``name`` must have."""
        found = self._tools[name.lower()].parameters.get("required")
        return found or ()
