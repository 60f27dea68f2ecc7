"""acp-agent: the user's own models behind any editor that speaks ACP v1.

Owns the version and nothing else, so that importing the package costs nothing.
"""

__version__ = "0.1.0"
