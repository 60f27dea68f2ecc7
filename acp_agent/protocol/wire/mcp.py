"""MCP servers as a client names them when it opens a session.

Owns the types of https://agentclientprotocol.com/protocol/v1/session-setup#mcp-servers.
"""

from typing import Annotated, Literal

from acp_agent.protocol.wire.base import OneOf, WireModel


class EnvVariable(WireModel):
    """An environment variable to set for a process."""

    name: str
    value: str


class HttpHeader(WireModel):
    """A header to send with each request."""

    name: str
    value: str


class McpServerHttp(WireModel):
    """A server over streamable HTTP."""

    type: Literal["http"] = "http"
    name: str
    url: str
    headers: list[HttpHeader]


class McpServerSse(WireModel):
    """A server over HTTP with server-sent events."""

    type: Literal["sse"] = "sse"
    name: str
    url: str
    headers: list[HttpHeader]


class McpServerStdio(WireModel):
    """A server to start as a process; the only kind without a ``type``."""

    name: str
    command: str
    args: list[str]
    env: list[EnvVariable]


McpServer = Annotated[McpServerHttp | McpServerSse | McpServerStdio, OneOf("type")]
