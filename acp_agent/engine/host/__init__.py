"""The engine process: an OpenAI-compatible HTTP API over a Unix domain socket.

Owns loading models and generating from them, on one thread, and the process's life.
Runs in a process of its own; the agent reaches it through ``acp_agent.engine.client``.
"""
