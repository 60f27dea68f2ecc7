"""MCP servers as the client names them, in the words of ``tools/mcp``; pure."""

from collections.abc import Sequence

from acp_agent.protocol.wire.mcp import McpServer, McpServerHttp, McpServerSse
from acp_agent.tools.mcp.servers import HttpServer, ServerConfig, SseServer, StdioServer


def server_configs(servers: Sequence[McpServer]) -> list[ServerConfig]:
    """``servers`` in their order."""
    return [_server_config(server) for server in servers]


def _server_config(server: McpServer) -> ServerConfig:
    if isinstance(server, McpServerHttp):
        headers = {header.name: header.value for header in server.headers}
        return HttpServer(server.name, server.url, headers)
    if isinstance(server, McpServerSse):
        headers = {header.name: header.value for header in server.headers}
        return SseServer(server.name, server.url, headers)
    environment = {variable.name: variable.value for variable in server.env}
    return StdioServer(server.name, server.command, tuple(server.args), environment)
