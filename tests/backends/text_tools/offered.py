"""The tools that the tests of text tools offer, and reading an answer as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from acp_agent.backends.base import Event, TextDelta, ToolCallRequested, ToolCallStarted
from acp_agent.backends.text_tools.parser import CallReader
from acp_agent.conversation import Tool

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}


def _tool(name: str, description: str, needed: list[str], **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": needed}
    return Tool(name, description, schema)


TOOLS = (
    _tool("read_file", "Reads a file.", ["path"], path=_TEXT, start=_NUMBER, end=_NUMBER),
    _tool("list_directory", "Lists a folder.", [], path=_TEXT),
    _tool("search", "Searches.", ["pattern"], pattern=_TEXT, path=_TEXT, regex={"type": "boolean"}),
    _tool("write_file", "Writes a file.", ["path", "content"], path=_TEXT, content=_TEXT),
    _tool("edit_file", "Edits a file.", ["path", "old", "new"], path=_TEXT, old=_TEXT, new=_TEXT),
    _tool("run_command", "Runs a command.", ["command"], command=_TEXT, timeout=_NUMBER),
)


@dataclass(slots=True)
class Read:
    """What came of an answer; ``calls`` are (name, arguments, fault)."""

    visible: str
    calls: list[tuple[str, str, str]]
    is_done: bool


def summary(events: Iterable[Event], *, is_done: bool = False) -> Read:
    """The text and the calls in ``events``; one that began is the next to be asked for."""
    read, begun = Read("", [], is_done), list[ToolCallStarted]()
    for event in events:
        if isinstance(event, TextDelta):
            assert event.text
            read.visible += event.text
        elif isinstance(event, ToolCallStarted):
            begun.append(event)
        elif isinstance(event, ToolCallRequested):
            call = event.call
            assert not begun or begun.pop() == ToolCallStarted(call.id, call.name)
            read.calls.append((call.name, call.arguments, event.fault))
    assert not begun
    return read


def read_pieces(pieces: Iterable[str], *, cut: bool = False) -> Read:
    """What comes of an answer that arrives in ``pieces``."""
    reader, events = CallReader(TOOLS), list[Event]()
    for piece in pieces:
        events += reader.feed(piece)
    events += reader.finish(cut=cut)
    return summary(events, is_done=reader.is_done)
