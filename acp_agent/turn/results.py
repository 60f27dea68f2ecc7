"""What a model gets of a tool's text; pure.

Owns the cap on one result and the guard against a model that repeats itself. Does not own
running calls (``turn/calls``).
"""

import hashlib
import json

from acp_agent.conversation import ToolCall, ToolResult
from acp_agent.tools.base import parse_object

WARN_AT = 3
"""Identical calls with identical results in a turn after which the model is told so."""
STOP_AT = 5
"""How many end the turn."""

_HEAD_SHARE = 0.7
_REPEATED = (
    "\n\n[You have made this very call {count} times, with the same result each time. It will "
    "not change: do something else, or answer with what you know.]"
)


def cap(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` bytes or so: its head and its tail, and what is missing."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text
    head = data[: int(limit * _HEAD_SHARE)].decode("utf-8", "ignore")
    tail = data[len(data) - (limit - int(limit * _HEAD_SHARE)) :].decode("utf-8", "ignore")
    missing = len(data) - limit
    return f"{head}\n[... {missing} bytes are left out here: they are too many ...]\n{tail}"


class Repeats:
    """Counts a turn's calls that are alike and came out alike, since files last changed:
    running the same tests after each edit is no repetition."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note_change(self) -> None:
        """A call has changed files: what was done before may come out otherwise now."""
        self._counts.clear()

    def note(self, call: ToolCall, result: ToolResult) -> tuple[ToolResult, int]:
        """The result as the model is to be told it, and how often this has come now."""
        count = self._counts[key] = self._counts.get(key := _key(call, result), 0) + 1
        if count < WARN_AT:
            return result, count
        text = result.text + _REPEATED.format(count=count)
        return ToolResult(result.call_id, result.name, text, failed=result.failed), count


def _key(call: ToolCall, result: ToolResult) -> str:
    given = parse_object(call.arguments)
    arguments = call.arguments if given is None else json.dumps(given, sort_keys=True)
    parts = json.dumps([call.name, arguments, result.failed, result.text])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
