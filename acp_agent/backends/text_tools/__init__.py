"""Tools for models that know no native tool calls: told in words, read from the answer.

Owns the one text format that such models are told, and recovering what they really write.
Does not own running the calls (``turn/calls``), nor which models need this (``Model.tools``).
"""

from acp_agent.backends.text_tools.stream import recover_calls, stream_with_text_tools

__all__ = ["recover_calls", "stream_with_text_tools"]
