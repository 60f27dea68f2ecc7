"""What a tool call shows, as ACP tool-call content; pure.

Owns which wire content each ``tools.shown`` kind becomes. Does not own when it is sent
(``protocol/output``), nor the wire shapes (``protocol/wire``).

Source: https://agentclientprotocol.com/protocol/v1/tool-calls#content
"""

from collections.abc import Iterable, Mapping
from typing import Any

from acp_agent.errors import InvalidParams
from acp_agent.protocol.wire import tool_calls as calls
from acp_agent.protocol.wire.base import WireModel
from acp_agent.protocol.wire.content import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from acp_agent.tools.shown import Shown, ShownBlock, ShownDiff, ShownTerminal, ShownText

Block = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource

_BLOCKS: Mapping[str, type[Block]] = {
    "text": TextContent,
    "image": ImageContent,
    "audio": AudioContent,
    "resource_link": ResourceLink,
    "resource": EmbeddedResource,
}


def contents(shown: Iterable[Shown]) -> list[calls.ToolCallContent]:
    """``shown`` in order; empty texts are left out."""
    return [_content(each) for each in shown if each != ShownText("")]


def _content(shown: Shown) -> calls.ToolCallContent:
    match shown:
        case ShownText(text):
            return calls.Content(content=TextContent(text=text))
        case ShownDiff(path, old, new):
            return calls.Diff(path=path, old_text=old, new_text=new)
        case ShownTerminal(id):
            return calls.Terminal(terminal_id=id)
        case ShownBlock(block):
            return calls.Content(content=_block(block))


def _block(block: Mapping[str, Any]) -> Block:
    """``block`` without what ACP does not know; one that an editor cannot read is text."""
    kind = block.get("type")
    model = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if model is not None:
        try:
            return _without_private(model.from_wire(dict(block)))
        except InvalidParams:
            pass
    text = block.get("text")
    if isinstance(text, str):
        return TextContent(text=text)
    return TextContent(text=f"[content of the type {kind!r} that cannot be shown]")


def _without_private(block: Block) -> Block:
    # A server's _meta and hints are meant for us, and need not be what ACP allows there.
    changes: dict[str, Any] = {"meta": None, "annotations": None}
    if isinstance(block, EmbeddedResource):
        changes["resource"] = _without_meta(block.resource)
    return block.model_copy(update=changes)


def _without_meta(part: WireModel) -> WireModel:
    return part.model_copy(update={"meta": None})
