"""A server's result, for the model and for the user; pure.

Owns the translation of MCP's content blocks. ACP took over their shape, so that the user's
editor gets them as they are; a model gets text only.
Source: https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
"""

import json
from collections.abc import Sequence
from typing import Any

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from acp_agent.tools.base import Outcome
from acp_agent.tools.shown import Shown, ShownBlock, ShownText

SHOWN_LIMIT = 64 * 1024
"""Characters of one text that the user is shown."""
BLOCK_LIMIT = 8 * 1024 * 1024
"""Characters of one image, sound or resource that is passed on."""
BLOCKS_LIMIT = 64
"""Blocks of one result that are passed on."""
TEXT_LIMIT = 4 * 1024 * 1024
"""Characters of text that a result is read for; the turn's own cap is far below."""


def to_outcome(result: CallToolResult) -> Outcome:
    """What came of a call."""
    texts = [_to_text(block) for block in result.content[:BLOCKS_LIMIT]]
    if not any(isinstance(block, TextContent) for block in result.content):
        # Servers of older kinds repeat it as text, newer ones need not.
        structured = result.structured_content
        texts += [] if structured is None else [json.dumps(structured, ensure_ascii=False)]
    if len(result.content) > BLOCKS_LIMIT:
        texts.append(f"[{len(result.content) - BLOCKS_LIMIT} more parts are left out]")
    text = "\n".join(texts)[:TEXT_LIMIT] or "[the result is empty]"
    return Outcome(text, failed=bool(result.is_error), shown=_to_shown(result.content))


def to_prompt_text(result: GetPromptResult) -> str:
    """The messages of a prompt as one text of the user's."""
    is_dialogue = any(message.role != "user" for message in result.messages)
    return "\n\n".join(
        (f"{message.role.capitalize()}: " if is_dialogue else "") + _to_text(message.content)
        for message in result.messages[:BLOCKS_LIMIT]
    )[:TEXT_LIMIT]


def _to_shown(blocks: Sequence[ContentBlock]) -> tuple[Shown, ...] | None:
    """The blocks for the user; None where there is text only, which is shown anyway."""
    if all(isinstance(block, TextContent) for block in blocks):
        return None
    return tuple(_show(block) for block in blocks[:BLOCKS_LIMIT])


def _show(block: ContentBlock) -> Shown:
    if isinstance(block, TextContent):
        return ShownText(block.text[:SHOWN_LIMIT])
    if _size(block) > BLOCK_LIMIT:
        return ShownText(_to_text(block)[:SHOWN_LIMIT])
    excluded = {"meta": True, "icons": True, "resource": {"meta"}}
    dumped: dict[str, Any] = block.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude=excluded
    )
    return ShownBlock(dumped)


def _to_text(block: ContentBlock) -> str:
    """What the model is told of ``block``."""
    match block:
        case TextContent(text=text):
            return text
        case ImageContent():
            return f"[an image, {block.mime_type}; the user sees it]"
        case AudioContent():
            return f"[a sound, {block.mime_type}; the user can hear it]"
        case ResourceLink():
            return " ".join(filter(None, (f"[{block.name}: {block.uri}]", block.description)))
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return f"[{resource.uri}]\n{resource.text}"
        case EmbeddedResource(resource=resource):
            kind = resource.mime_type or "binary data"
            return f"[{resource.uri}, {kind}; the user can open it]"


def _size(block: ContentBlock) -> int:
    match block:
        case ImageContent() | AudioContent():
            return len(block.data)
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return len(resource.text)
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            return len(resource.blob)
        case _:
            return 0
