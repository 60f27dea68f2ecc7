"""MCP servers as the client names them, and what can go wrong with one.

Owns plain data only; the wire's types are ``protocol/wire/mcp``'s.
Source: https://agentclientprotocol.com/protocol/v1/session-setup#mcp-servers
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


class McpProblem(Exception):
    """A server cannot do what was asked; the text is a sentence for the user and the model.

    It holds no environment, no header and no address of the server.
    """


@dataclass(slots=True, frozen=True)
class StdioServer:
    """A server to start as a process of ours; ``env`` is added to a short basic environment."""

    name: str
    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(slots=True, frozen=True)
class HttpServer:
    """A server over streamable HTTP."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(slots=True, frozen=True)
class SseServer:
    """A server over HTTP with server-sent events, the older of MCP's ways."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


ServerConfig = StdioServer | HttpServer | SseServer
