"""Prompt content as a user message; pure.

Owns how text, links and embedded resources read to a model, and which content is
refused. Does not own the content's wire shape (``protocol/wire``).

Source: https://agentclientprotocol.com/protocol/v1/content
"""

import re
from collections.abc import Sequence

from acp_agent.conversation import UserMessage
from acp_agent.errors import InvalidParams
from acp_agent.protocol.wire.content import (
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextContent,
)


def user_message(blocks: Sequence[ContentBlock]) -> UserMessage:
    """``blocks`` as one message, in order.

    Raises:
        InvalidParams: empty, or content that no mode here can take.
    """
    text = "".join(_text_of(index, block) for index, block in enumerate(blocks))
    if not text.strip():
        raise InvalidParams("params.prompt: there is nothing in it; send at least some text.")
    return UserMessage(text)


def _text_of(index: int, block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case ResourceLink():
            return f"[{block.title or block.name}]({block.uri})"
        case EmbeddedResource():
            return _resource_text(index, block)
        case _:
            raise InvalidParams(
                f"params.prompt[{index}]: this agent takes no {block.type} content yet; "
                "send text, a resource_link or an embedded text resource."
            )


def _resource_text(index: int, block: EmbeddedResource) -> str:
    resource = block.resource
    if isinstance(resource, BlobResourceContents):
        raise InvalidParams(
            f"params.prompt[{index}]: the resource {resource.uri} is binary; "
            "send text or a resource_link."
        )
    fence = "`" * max(3, _longest_fence(resource.text) + 1)
    return f"\n\n{resource.uri}\n{fence}\n{resource.text}\n{fence}\n\n"


def _longest_fence(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
