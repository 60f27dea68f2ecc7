"""Times of the tests of MCP servers."""

import pytest

from acp_agent.tools.mcp import stdio


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that will not end are killed sooner."""
    monkeypatch.setattr(stdio, "EXIT_SECONDS", 0.3)
    monkeypatch.setattr(stdio, "TERM_SECONDS", 0.3)
