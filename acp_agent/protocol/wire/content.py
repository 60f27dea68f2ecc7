"""Content blocks: what prompts, messages and tool calls are made of.

Owns the types of https://agentclientprotocol.com/protocol/v1/content. Does not own which
of them a prompt may hold.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Tag

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, Open, WireModel

Role = Literal["assistant", "user"]


class Annotations(WireModel):
    """Hints about content: for whom, how important (0 to 1), last changed when (ISO 8601)."""

    audience: Lenient[Items[Open[Role]] | None] = None
    last_modified: Lenient[str | None] = None
    priority: Lenient[float | None] = None


class TextContent(WireModel):
    """Text, plain or Markdown."""

    type: Literal["text"] = "text"
    text: str
    annotations: Lenient[Annotations | None] = None


class ImageContent(WireModel):
    """An image; ``data`` is base64."""

    type: Literal["image"] = "image"
    data: str
    mime_type: str
    uri: Lenient[str | None] = None
    annotations: Lenient[Annotations | None] = None


class AudioContent(WireModel):
    """A recording; ``data`` is base64."""

    type: Literal["audio"] = "audio"
    data: str
    mime_type: str
    annotations: Lenient[Annotations | None] = None


class ResourceLink(WireModel):
    """A resource that the agent may read by itself; ``size`` is in bytes."""

    type: Literal["resource_link"] = "resource_link"
    name: str
    uri: str
    title: Lenient[str | None] = None
    description: Lenient[str | None] = None
    mime_type: Lenient[str | None] = None
    size: Lenient[int | None] = None
    annotations: Lenient[Annotations | None] = None


class TextResourceContents(WireModel):
    """A resource's text."""

    uri: str
    text: str
    mime_type: Lenient[str | None] = None


class BlobResourceContents(WireModel):
    """A resource's bytes; ``blob`` is base64."""

    uri: str
    blob: str
    mime_type: Lenient[str | None] = None


def _resource_tag(value: Any) -> str:
    if isinstance(value, dict):
        return "<blob>" if "blob" in value and "text" not in value else "<text>"
    return "<blob>" if isinstance(value, BlobResourceContents) else "<text>"


EmbeddedResourceResource = Annotated[
    Annotated[TextResourceContents, Tag("<text>")] | Annotated[BlobResourceContents, Tag("<blob>")],
    Discriminator(_resource_tag),
]


class EmbeddedResource(WireModel):
    """A resource with its contents."""

    type: Literal["resource"] = "resource"
    resource: EmbeddedResourceResource
    annotations: Lenient[Annotations | None] = None


class UnknownContent(WireModel):
    """A block of a type that this version does not know, with all its fields."""

    model_config = ConfigDict(extra="allow")

    type: str


ContentBlock = Annotated[
    TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource | UnknownContent,
    OneOf("type"),
]
