"""JSON objects that are calls, and the arguments of a call.

Owns the shapes in which models put name and arguments into JSON. Does not own reading
values (``values``), nor the other forms of a call (``forms``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from acp_agent.backends.text_tools.offer import Offer
from acp_agent.backends.text_tools.source import SPACE, Broken, Reading, Source
from acp_agent.backends.text_tools.values import QUOTES, Values

ARGUMENT_KEYS = (
    "arguments",
    "argument",
    "args",
    "parameters",
    "params",
    "input",
    "tool_input",
    "action_input",
    "kwargs",
)
_NAME_KEYS = ("name", "tool", "tool_name", "function", "function_name", "action")
_OUTER_KEYS = ("function", "function_call", "tool_call", "tool_calls", "tools")
_OTHER_KEYS = ("id", "type", "index", "call_id")
_KEYS = frozenset((*ARGUMENT_KEYS, *_NAME_KEYS, *_OUTER_KEYS, *_OTHER_KEYS))

Commit = Callable[[str, int], None]
"""Told the name of a call once it is certain that there is one, and where its text begins."""


@dataclass(slots=True, frozen=True)
class Found:
    """A call that ends at ``end``; ``fault`` says why it must not be made."""

    name: str
    arguments: str
    end: int
    fault: str = ""


class Objects:
    """Reads calls of ``offer`` that are JSON objects from ``source``.

    ``quoted``: the object as a whole stands in quotes.
    """

    def __init__(self, source: Source, offer: Offer, commit: Commit) -> None:
        self._source = source
        self._offer = offer
        self._commit = commit
        self.quoted = False

    def call(self, pos: int) -> Reading[Found | None]:
        """The call in the object whose brace stands at ``pos``, None if there is none.

        Raises:
            Broken: it is none, or cannot be read.
        """
        source = self._source
        self.quoted = source.text[max(0, pos - 1) : pos] in QUOTES
        values = self._values()
        start, name, held = pos, "", ""
        pos += 1
        while True:
            pos = yield from source.skip(pos, f"{SPACE},")
            first = yield from source.peek(pos)
            if first == "}" or (name and (yield from values.is_over(pos))):
                return self._without_arguments(name, held, start, pos)
            if not (yield from self._is_known_key(pos, name)):
                return None
            key, pos = yield from values.key(pos)
            pos = yield from source.skip(pos)
            first = yield from source.peek(pos)
            if key in _OUTER_KEYS and first in ("{", "["):
                return (yield from self._inner(pos))
            if key in ARGUMENT_KEYS and not held:
                if name:
                    return (yield from self._named(name, pos))
                held, pos = yield from self.arguments(pos)
            elif not name and key in _NAME_KEYS:
                name, pos = yield from self._name(pos)
                if not name:
                    return None
            elif not name and first == "{" and (whole := self._offer.find(key)):
                return (yield from self._named(whole, pos))
            elif name and not held and key in self._offer.properties(name):
                return (yield from self._flat(name, start))
            elif key in _OTHER_KEYS:
                _, pos = yield from values.value(pos, "object")
            else:
                return None

    def arguments(self, pos: int) -> Reading[tuple[str, int]]:
        """The arguments at ``pos`` as JSON text, and where they end.

        They are an object, or a string that holds one. What was written is kept to the
        letter where it is correct.
        """
        source, values = self._source, self._values()
        start = pos
        if (yield from self._is_in_bare_quotes(pos)):
            values.quoted = True
            start = yield from source.skip(pos + 1)
            value, pos = yield from values.fields(start)
            pos = yield from source.skip(pos)
            pos += (yield from source.peek(pos)) in QUOTES
            return json.dumps(value, ensure_ascii=False), pos
        value, pos = yield from values.value(pos, "object")
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            return _kept(source.text[start:pos], fields), pos
        if isinstance(value, str) and value.strip():
            value = _read_now(value, start)
        if value in (None, "", [], {}):
            return "{}", pos
        if not isinstance(value, dict):
            raise Broken("the arguments are no JSON object", start)
        return json.dumps(value, ensure_ascii=False), pos

    def _values(self) -> Values:
        return Values(self._source, quoted=self.quoted)

    def begins_arguments(self, pos: int) -> Reading[bool]:
        """Whether an object stands at ``pos``, perhaps in quotes."""
        first = yield from self._source.peek(pos)
        if first and first in QUOTES:
            pos = yield from self._source.skip(pos + 1)
            first = yield from self._source.peek(pos)
        return first == "{"

    def _is_known_key(self, pos: int, name: str) -> Reading[bool]:
        """Whether the key at ``pos`` can be one of a call; looks no further than it must."""
        first = yield from self._source.peek(pos)
        pos += first in QUOTES
        known = [*_KEYS, *(self._offer.properties(name) if name else self._offer.names)]
        word = yield from self._source.word(pos, map(str.lower, known))
        behind = yield from self._source.peek(pos + len(word))
        return bool(word) and not behind.isalnum() and behind not in ("_", "-")

    def _named(self, name: str, pos: int) -> Reading[Found]:
        """The call of ``name`` whose arguments stand at ``pos``, to the end of its object."""
        self._commit(name, pos)
        arguments, pos = yield from self.arguments(pos)
        return (yield from self._rest(Found(name, arguments, pos)))

    def _inner(self, pos: int) -> Reading[Found | None]:
        """The call within ``{"function": {…}}`` or ``{"tool_calls": [{…}]}``."""
        pos = yield from self._source.skip(pos, f"[{SPACE}")
        if (yield from self._source.peek(pos)) != "{":
            return None
        found = yield from self.call(pos)
        return (yield from self._rest(found)) if found else None

    def _name(self, pos: int) -> Reading[tuple[str, int]]:
        """The offered name that is the value at ``pos``; empty as soon as it can be none."""
        source = self._source
        first = yield from source.peek(pos)
        if not first or first not in QUOTES:
            return "", pos
        name, end = yield from self._offer.read(source, pos + 1)
        end += len((yield from source.word(end, ("()",)))) if name else 0
        if not name or (yield from source.peek(end)) not in tuple(QUOTES[first]):
            return "", pos
        return name, end + 1

    def _rest(self, found: Found) -> Reading[Found]:
        """``found`` to the end of the object that it stands in."""
        source, pos = self._source, found.end
        while True:
            behind = yield from source.skip(pos)
            first = yield from source.peek(behind)
            if first == "}":
                return replace(found, end=behind + 1)
            if first != ",":
                return replace(found, end=pos)
            try:
                values, behind = Values(source), (yield from source.skip(behind + 1))
                _, behind = yield from values.key(behind)
                behind = yield from source.skip(behind)
                _, pos = yield from values.value(behind, "object")
            except Broken:
                return replace(found, end=pos)

    def _without_arguments(self, name: str, held: str, start: int, pos: int) -> Found | None:
        """The call of an object that has ended, None if it is none."""
        if not name or (not held and self._offer.required(name)):
            return None
        self._commit(name, start)
        end = pos + (self._source.text[pos : pos + 1] == "}")
        return Found(name, held or "{}", end)

    def _flat(self, name: str, start: int) -> Reading[Found | None]:
        """The call of an object that has the arguments beside the name.

        Such an object may be something else: it must have all that the tool needs, and
        nothing that it does not know.
        """
        fields, end = yield from self._values().fields(start)
        if self._offer.find(str(fields.get("name", ""))) == name:
            del fields["name"]
        properties = self._offer.properties(name)
        other = (*_NAME_KEYS, *_OTHER_KEYS)
        arguments = {key: value for key, value in fields.items() if key in properties}
        if not set(self._offer.required(name)) <= set(arguments):
            return None
        if not set(fields) <= {*arguments, *other}:
            return None
        self._commit(name, start)
        return Found(name, json.dumps(arguments, ensure_ascii=False), end)

    def _is_in_bare_quotes(self, pos: int) -> Reading[bool]:
        """Whether an object stands there in quotes whose own quotes lack a backslash."""
        first = yield from self._source.peek(pos)
        if not first or first not in QUOTES:
            return False
        pos = yield from self._source.skip(pos + 1)
        if (yield from self._source.peek(pos)) != "{":
            return False
        pos = yield from self._source.skip(pos + 1)
        return (yield from self._source.peek(pos)) == first


def _kept(raw: str, fields: Mapping[str, Any]) -> str:
    try:
        is_correct = json.loads(raw) == fields
    except ValueError:
        is_correct = False
    return raw if is_correct else json.dumps(fields, ensure_ascii=False)


def _read_now(text: str, pos: int) -> Any:
    """The value that ``text`` holds as a whole."""
    source = Source()
    source.text, source.ended = text.strip(), True
    try:
        next(Values(source).value(0, "object"))
    except StopIteration as done:
        return done.value[0]
    except Broken as broken:
        raise Broken(broken.reason, pos) from None
    raise AssertionError("text that has ended is read to its end")
