"""The tool ``gptoss.generate`` for other agents: an MCP server over stdio.

Owns what a client of that server sees. Does not own the models (``backends``), what the
tool takes (``routing/generate``), nor the tool inside of an editor's session (``turn/auto``).
Source: https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""
