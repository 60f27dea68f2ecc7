"""Tool calls, put together out of the pieces in which servers send them.

Owns which piece belongs to which call, ids, and whether the arguments are an object. Does not
own finding calls in text (``text_tools``).

Servers leave out ``index`` or ``id``, give all calls the same index, repeat the name with
each piece or cut it, send arguments as an object, or send calls whole.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from acp_agent.backends.base import ToolCallRequested, ToolCallStarted
from acp_agent.backends.openai.joining import mended
from acp_agent.backends.openai.wire import as_object, as_text, parse_object
from acp_agent.conversation import ToolCall

_NO_OBJECT = "The arguments must be one JSON object: write the call again."
_CUT = "The call was cut off by the limit of tokens: write it again with less text in it."
_UNIQUE_LENGTH = 9
"""Characters of an id that is taken for unique; shorter ones are mere counters (``call_0``)."""


@dataclass(slots=True)
class _Call:
    key: object
    id: str
    said_id: str
    name: str = ""
    fault: str = ""
    arguments: list[str] = field(default_factory=list[str])
    is_started: bool = False


class Calls:
    """The calls of one answer. ``taken`` are ids that the conversation has already."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)
        self._calls: list[_Call] = []

    @property
    def ids(self) -> list[str]:
        """The ids of the calls so far."""
        return [call.id for call in self._calls]

    def feed(self, piece: Mapping[str, Any]) -> Iterator[ToolCallStarted]:
        """Takes one entry of ``tool_calls``; tells of a call whose name is known for certain."""
        function = as_object(piece.get("function")) or piece
        name, arguments = as_text(function.get("name")), function.get("arguments")
        call = self._find(piece.get("index"), as_text(piece.get("id")), name, arguments)
        if name:
            call.name = mended(name if name.startswith(call.name) else call.name + name)
        call.fault = mended(as_text(piece.get("fault"))) or call.fault
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif arguments is not None:
            call.arguments = [json.dumps(arguments, ensure_ascii=False)]
        if call.name and not call.is_started and any(call.arguments):
            call.is_started = True
            yield ToolCallStarted(call.id, call.name)

    def finish(self, *, is_cut: bool) -> Iterator[ToolCallRequested]:
        """The calls, which are whole now; ``is_cut``: a limit of tokens ended the answer."""
        for call in self._calls:
            arguments = mended("".join(call.arguments)).strip() or "{}"
            fault = call.fault
            if not fault and parse_object(arguments) is None:
                fault = _CUT if is_cut and call is self._calls[-1] else _NO_OBJECT
            yield ToolCallRequested(ToolCall(call.id, call.name, arguments), fault)

    def _find(self, index: object, said_id: str, name: str, arguments: object) -> _Call:
        """The call that a piece belongs to; a new one where it begins one."""
        last = self._calls[-1] if self._calls else None
        if isinstance(index, int):
            same = [call for call in self._calls if call.key == index]
            found = same[-1] if same else None
        elif said_id:
            found = next((call for call in self._calls if call.said_id == said_id), None)
        else:
            found = None if last is None or (name and any(last.arguments)) else last
        if found is not None and name and _is_another(found, said_id, name, arguments):
            found = None  # all calls have the same index
        if found is None:
            found = _Call(index, self._new_id(said_id), said_id)
            self._calls.append(found)
        found.said_id = found.said_id or said_id
        return found

    def _new_id(self, said: str) -> str:
        """The server's id where it is unique, as some models must see their own again."""
        if len(said) < _UNIQUE_LENGTH or said in self._taken:
            said = uuid4().hex[:_UNIQUE_LENGTH]  # templates of Mistral's demand nine characters
        self._taken.add(said)
        return said


def _is_another(call: _Call, said_id: str, name: str, arguments: object) -> bool:
    """Whether a piece with ``name`` begins another call than ``call``, whose index it has."""
    if said_id and call.said_id:
        return said_id != call.said_id
    # Without ids only a call that is whole can be told from one whose name is repeated.
    if said_id or not call.name or parse_object("".join(call.arguments)) is None:
        return False
    return name != call.name or (isinstance(arguments, str) and bool(arguments.strip()))
