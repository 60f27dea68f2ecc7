"""Chat formats: conversations to a model's tokens, and its tokens back to an answer.

``load_format`` is the way in.
"""

from acp_agent.engine.host.formats.load import load_format

__all__ = ["load_format"]
