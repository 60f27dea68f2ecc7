"""A small ACP client for the terminal: what ``chat``, ``run`` and ``demo`` are built on.

Owns the client side only: spawning an agent, talking ACP v1 to it over pipes, showing what
comes. Shares no code with the agent's own protocol layers, so that the demo exercises the
wire and not itself.
"""
