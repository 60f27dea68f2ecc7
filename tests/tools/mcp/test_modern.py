"""Against the official Python server, with which the newest version of MCP is spoken."""

import sys
from pathlib import Path

import anyio
import pytest

from acp_agent.tools.mcp.configured import StdioServer
from acp_agent.tools.shown import ShownText
from tests.tools.mcp.harness import RecordingEditor, call, running

pytestmark = pytest.mark.anyio

_SERVER = StdioServer(
    "modern", sys.executable, (str(Path(__file__).with_name("modern_server.py")),)
)


async def test_a_server_of_the_newest_version() -> None:
    editor = RecordingEditor()
    async with running(_SERVER) as servers:
        assert servers.problems == ()
        assert (await call(servers, "modern__add", a=1, b=2)).text == "3"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, servers, "modern__slow", editor)
            await editor.has_shown.wait()
            tasks.cancel_scope.cancel()
        assert editor.shown == [ShownText("Half (1 of 2)")]
        assert (await call(servers, "modern__add", a=3, b=4)).text == "7"
