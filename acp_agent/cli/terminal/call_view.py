"""What a permission question is about, as lines for a terminal.

Owns drawing a tool call's content: text as it is, a diff as changed lines. Does not own
asking (``ask``).
Spec: https://agentclientprotocol.com/protocol/v1/tool-calls#content
"""

import difflib
from collections.abc import Iterator
from itertools import islice

from acp_agent.cli.terminal.json_values import Json, as_object, as_objects

LINES = 60
"""Of one piece of content at most."""


def describe_call(call: Json) -> list[tuple[str, str]]:
    """The lines of ``call``'s content, each with its style (empty: none)."""
    lines: list[tuple[str, str]] = []
    for content in as_objects(call.get("content")):
        piece = list(islice(_describe(content), LINES + 1))
        if len(piece) > LINES:
            piece[LINES:] = [("... and more", "dim")]
        lines += piece
    return lines


def _describe(content: Json) -> Iterator[tuple[str, str]]:
    match content.get("type"):
        case "content":
            text = as_object(content.get("content")).get("text")
            yield from ((line, "") for line in str(text or "").splitlines())
        case "diff":
            yield from _diff_lines(content)
        case _:
            return


def _diff_lines(content: Json) -> Iterator[tuple[str, str]]:
    old, new = str(content.get("oldText") or ""), str(content.get("newText") or "")
    yield str(content.get("path")), "bold"
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3)
    for line in islice(lines, 2, None):  # the first two name no files
        yield line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
