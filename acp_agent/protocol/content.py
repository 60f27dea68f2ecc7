"""Prompt content as a user message.

Owns how text, links and embedded resources read to a model, and which content is
refused. Does not own the content's wire shape (``protocol/wire``), nor reading what is
linked (``protocol/links``).

Source: https://agentclientprotocol.com/protocol/v1/content
"""

import re
from collections.abc import Sequence

from acp_agent.conversation import UserMessage
from acp_agent.errors import InvalidParams
from acp_agent.protocol.links import read_links
from acp_agent.protocol.wire.content import (
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextContent,
)
from acp_agent.tools.workspace import Workspace

_INSTEAD = {
    "image": (
        "take the image out and describe what it shows, paste its text (such as an error "
        "message), or link the file that it was made from."
    ),
    "audio": "take the recording out and write down what is said in it.",
}


def user_message(blocks: Sequence[ContentBlock]) -> UserMessage:
    """``blocks`` as one message, in order.

    Raises:
        InvalidParams: empty, or content that no mode here can take.
    """
    text = "".join(_text_of(index, block) for index, block in enumerate(blocks))
    if not text.strip():
        raise InvalidParams("params.prompt: there is nothing in it; send at least some text.")
    attached = tuple(name for block in blocks if (name := _attached_name(block)))
    said = "".join(block.text for block in blocks if isinstance(block, TextContent))
    return UserMessage(text, said if attached else None, attached)


async def read_prompt(blocks: Sequence[ContentBlock], workspace: Workspace | None) -> UserMessage:
    """As ``user_message``, with the small files that ``blocks`` link to.

    Raises:
        InvalidParams: as ``user_message``.
    """
    return user_message(blocks if workspace is None else await read_links(blocks, workspace))


def _attached_name(block: ContentBlock) -> str:
    """The address of what ``block`` embeds or links to; empty for text."""
    match block:
        case ResourceLink():
            return block.uri
        case EmbeddedResource():
            return block.resource.uri
        case _:
            return ""


def _text_of(index: int, block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case ResourceLink():
            return f"[{block.title or block.name}]({block.uri})"
        case EmbeddedResource():
            return _resource_text(index, block)
        case _:
            instead = _INSTEAD.get(block.type, "send text, or a resource_link to a text file.")
            raise InvalidParams(
                f"params.prompt[{index}]: the models here take no {block.type} content; {instead}"
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
