"""Why a server did not start: what the editor's settings got wrong, in words that help."""

from pathlib import Path

import pytest

from acp_agent.tools.mcp.configured import HttpServer, ServerConfig, SseServer, StdioServer
from tests.tools.mcp.harness import running
from tests.tools.mcp.http_server import http_faults

pytestmark = pytest.mark.anyio

_HEADERS = "The MCP server 'web' has headers in the editor's settings that HTTP cannot carry."
_HELD = (
    "The MCP server 'own' could not be started: its command, arguments or environment in the "
    "editor's settings hold characters that none may have."
)


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (
            StdioServer("own", ""),
            "The MCP server 'own' could not be started: the editor's settings name no program.",
        ),
        (StdioServer("own", "a\0b"), _HELD),
        (StdioServer("own", "true", ("a\0b",)), _HELD),
        (StdioServer("own", "true", env={"A=B": "\0"}), _HELD),
        (HttpServer("web", "http://127.0.0.1:1/", {"a": "\N{SNOWMAN}"}), _HEADERS),
        (SseServer("web", "http://127.0.0.1:1/", {"a": "\N{SNOWMAN}"}), _HEADERS),
    ],
)
async def test_settings_that_no_server_can_have(server: ServerConfig, problem: str) -> None:
    async with running(server) as servers:
        assert servers.problems == (problem,)


async def test_a_header_that_would_be_two() -> None:
    async with http_faults() as web, running(web.configured(a="b\nc")) as servers:
        assert servers.problems == (_HEADERS,)


async def test_a_folder_that_is_not_there_is_not_the_programs_fault(tmp_path: Path) -> None:
    async with running(StdioServer("own", "true"), roots=[tmp_path / "gone"]) as servers:
        assert servers.problems == (
            "The MCP server 'own' could not be started: the session's folder does not exist.",
        )
