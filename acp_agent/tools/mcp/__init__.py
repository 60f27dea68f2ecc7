"""Tools and prompts of MCP servers, for one session each.

Owns the servers' processes and connections, and their tools as ``RunnableTool``. Does not
own which tools a model is offered in the end (``turn/offer``), nor what is allowed
(``acp_agent.permissions``). The library ``mcp`` is imported when a session has servers.
"""
