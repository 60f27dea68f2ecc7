"""A server on the official package, which speaks MCP's newest version as well."""

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("modern")


@server.tool()
async def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def slow(context: Context) -> str:
    await context.report_progress(1, 2, "Half")
    import anyio

    await anyio.sleep_forever()
    return ""


if __name__ == "__main__":
    server.run("stdio")
