"""The forms in which models write a call.

Owns reading one call where it begins: the format they are told, a function tag, a call as
in a program, a name before an object. Does not own JSON objects (``objects``), nor what
stands around calls (``frames``). Only the names of offered tools count.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from acp_agent.backends.text_tools.objects import ARGUMENT_KEYS, Found, Objects
from acp_agent.backends.text_tools.offer import Offer
from acp_agent.backends.text_tools.source import (
    DOUBT_LIMIT,
    HOLD_LIMIT,
    SPACE,
    Broken,
    Reading,
    Source,
)
from acp_agent.backends.text_tools.tags import read_parameters, read_tag
from acp_agent.backends.text_tools.values import Values

_HEADERS = ("tool", "tool name", "tool_name", "tool call", "tool_call", "action", "function")
_ARGUMENT_WORDS = (*ARGUMENT_KEYS, "tool input", "action input", "tool arguments")
_LANGUAGES = ("json", "jsonc", "json5", "text", "python", "plaintext")
_COLONS = (":", "=", "\N{FULLWIDTH COLON}")
_MARKUP = "*_`"
_WORD = re.compile(r"\w")


class Forms:
    """Reads calls of ``offer`` from ``source``; ``begin`` is told when one is certain."""

    def __init__(self, source: Source, offer: Offer, begin: Callable[[str], None]) -> None:
        self._source = source
        self._offer = offer
        self._begin = begin
        self._objects = Objects(source, offer, self._commit)
        self._certain: tuple[str, int] | None = None

    def read(self, pos: int, *, is_framed: bool) -> Reading[Found | None]:
        """The call that begins at ``pos``, None if there is none.

        ``is_framed``: it stands in something that is made for calls, so that less is enough.
        """
        source = self._source
        self._reset()
        try:
            first = yield from source.peek(pos)
            if first == "{":
                return (yield from self._objects.call(pos))
            if first == "<":
                return (yield from self._tagged(pos))
            headed = yield from self._headed(pos)
            return headed or (yield from self._named(pos, is_framed))
        except Broken as broken:
            if self._certain is None:
                return None
            name, start = self._certain
            source.limit = HOLD_LIMIT + DOUBT_LIMIT
            end = yield from self._end_of_line(broken.position)
            return Found(name, source.text[start:end].rstrip(), end, _fault(broken.reason))

    def _reset(self) -> None:
        self._certain = None
        self._objects.quoted = False
        self._source.limit = DOUBT_LIMIT

    def _commit(self, name: str, pos: int) -> None:
        """From ``pos`` on stands a call, if perhaps a broken one."""
        if self._certain is None:
            self._begin(name)
        self._certain = name, pos
        self._source.limit = HOLD_LIMIT

    def _end_of_line(self, pos: int) -> Reading[int]:
        try:
            while (found := (yield from self._source.peek(pos))) and found != "\n":
                pos += 1
        except Broken as broken:
            return broken.position
        return pos

    def _headed(self, pos: int) -> Reading[Found | None]:
        """``TOOL: name`` with its arguments on the same line or below."""
        source = self._source
        word = yield from source.word(pos, _HEADERS)
        if not word:
            return None
        is_told = source.text[pos : pos + len(word)] == "TOOL"
        pos = yield from source.skip(pos + len(word), f" {_MARKUP}")
        if (yield from source.peek(pos)) not in _COLONS:
            return None
        pos = yield from source.skip(pos + 1, f" \t\n{_MARKUP}\"'<[")
        name, pos = yield from self._offer.read(source, pos)
        if not name:
            return None
        pos = end = yield from source.skip(pos, f" \t{_MARKUP}\"'>]")
        if (yield from source.peek(pos)) == "(":
            return (yield from self._program(name, pos))
        pos = yield from source.skip(pos, f"{SPACE}{_MARKUP},;-#>")
        word = yield from source.word(pos, _ARGUMENT_WORDS)
        if word:
            pos = yield from source.skip(pos + len(word), f" \t{_MARKUP}:=\N{FULLWIDTH COLON}")
            end = pos
            pos = yield from source.skip(pos, f"{SPACE}`")
        pos += len((yield from source.word(pos, _LANGUAGES)))
        pos = yield from source.skip(pos)
        if (yield from self._objects.begins_arguments(pos)):
            self._commit(name, pos)
            arguments, pos = yield from self._objects.arguments(pos)
            return Found(name, arguments, pos)
        if not is_told:
            return None
        self._commit(name, end)
        line_end = yield from self._end_of_line(end)
        is_blank = source.text[end:line_end].strip(" \t\r*_`").lower() in ("", "none", "null")
        if self._offer.required(name) or (word and not is_blank):
            raise Broken("ARGUMENTS: with one JSON object is missing", end)
        return Found(name, "{}", line_end if word else end)

    def _tagged(self, pos: int) -> Reading[Found | None]:
        """``<function=name>`` with an object or with a tag for each parameter."""
        source = self._source
        pos = yield from read_tag(source, pos)
        if not pos:
            return None
        name, pos = yield from self._offer.read(source, pos)
        if not name:
            return None
        pos = yield from source.skip(pos, f"{SPACE}\"'/")
        if (yield from source.peek(pos)) != ">":
            return None
        pos = yield from source.skip(pos + 1)
        self._commit(name, pos)
        if (yield from self._objects.begins_arguments(pos)):
            arguments, pos = yield from self._objects.arguments(pos)
            return Found(name, arguments, pos)
        fields, pos = yield from read_parameters(source, pos, self._offer.properties(name))
        return Found(name, json.dumps(fields, ensure_ascii=False), pos)

    def _named(self, pos: int, is_framed: bool) -> Reading[Found | None]:
        """A name that is followed by its arguments."""
        source = self._source
        name, pos = yield from self._offer.read(source, pos)
        if not name:
            return None
        if (yield from source.peek(pos)) == "(":
            return (yield from self._program(name, pos, needs_arguments=not is_framed))
        pos = yield from source.skip(pos, " \t`*:")
        pos += len((yield from source.word(pos, ("[args]",))))
        pos = yield from source.skip(pos)
        if (yield from source.peek(pos)) != "{":
            return None
        if not (yield from self._holds_parameters(name, pos, is_framed)):
            return None
        self._commit(name, pos)
        arguments, pos = yield from self._objects.arguments(pos)
        return Found(name, arguments, pos)

    def _holds_parameters(self, name: str, pos: int, is_framed: bool) -> Reading[bool]:
        pos = yield from self._source.skip(pos + 1)
        if (yield from self._source.peek(pos)) == "}":
            return is_framed
        key, _ = yield from Values(self._source).key(pos)
        return key in self._offer.properties(name)

    def _program(
        self, name: str, pos: int, *, needs_arguments: bool = False
    ) -> Reading[Found | None]:
        """``name(key="value")``, alone on the rest of its line."""
        source, values = self._source, Values(self._source)
        names = list(self._offer.properties(name))
        fields: dict[str, Any] = {}
        pos = yield from source.skip(pos + 1)
        if (yield from source.peek(pos)) == "{":
            fields, pos = yield from values.fields(pos)
            pos = yield from source.skip(pos)
        while (yield from source.peek(pos)) != ")":
            key, pos = yield from self._parameter(pos, names[len(fields) :])
            fields[key], pos = yield from values.value(pos, "call")
            pos = yield from source.skip(pos, f"{SPACE},")
        behind = yield from source.skip(pos + 1, " \t)`*;.")
        after = yield from source.peek(behind)
        if after not in ("", "\r", "\n", "]", ",", "<") or not set(fields) <= set(names):
            return None
        if not fields and needs_arguments:
            return None
        self._commit(name, pos)
        return Found(name, json.dumps(fields, ensure_ascii=False), pos + 1)

    def _parameter(self, pos: int, left: list[str]) -> Reading[tuple[str, int]]:
        """The name of the argument at ``pos``, the next of ``left`` where it has none."""
        end = yield from self._source.run(pos, _WORD)
        behind = yield from self._source.skip(end)
        if end > pos and (yield from self._source.peek(behind)) in ("=", ":"):
            key = self._source.text[pos:end]
            return key, (yield from self._source.skip(behind + 1))
        if not left:
            raise Broken("there are too many arguments", pos)
        return left[0], pos


def _fault(reason: str) -> str:
    return (
        f"Its arguments could not be read: {reason}. Write the call again, with ARGUMENTS: "
        "and one JSON object."
    )
