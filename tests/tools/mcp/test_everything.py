"""Against a real server, the reference one from npm, over each transport."""

from pathlib import Path

import anyio
import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Prepared
from acp_agent.tools.shown import ShownBlock, ShownText
from tests.fixtures.everything_server import TRANSPORTS, everything
from tests.fixtures.workspace import make_workspace
from tests.tools.mcp.harness import RecordingEditor, call, find_tool, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_real_server_over_each_transport(transport: str, tmp_path: Path) -> None:
    async with everything(transport) as configured, running(configured) as servers:
        assert servers.problems == ()
        assert (await call(servers, "everything__echo", message="hi")).text == "Echo: hi"
        assert (await call(servers, "everything__get-sum", a=2, b=3)).text.endswith("is 5.")
        image = await call(servers, "everything__get-tiny-image")
        assert isinstance(image.shown, tuple)
        assert image.shown[0] == ShownText("Here's the image you requested:")
        assert isinstance(image.shown[1], ShownBlock)
        assert image.shown[1].block["mimeType"] == "image/png"
        links = await call(servers, "everything__get-resource-links", count=1)
        assert "demo://resource" in links.text
        weather = await call(servers, "everything__get-structured-content", location="Chicago")
        assert '"temperature"' in weather.text
        sum_tool = find_tool(servers, "everything__get-sum")
        prepared = await sum_tool.prepare({"a": 1, "b": 1}, make_workspace(tmp_path))
        assert isinstance(prepared, Prepared)
        assert prepared.action == Action("server", tool="everything__get-sum", read_only=True)
        assert (await call(servers, "everything__get-sum", a="one", b=1)).failed

        prompt = next(each for each in servers.prompts if each.name == "everything:args-prompt")
        assert prompt.hint == "<city> [state]"
        text = await servers.get_prompt(prompt.name, prompt.read("Paris Texas"))
        assert text == "What's weather in Paris, Texas?"

        editor = RecordingEditor()
        async with anyio.create_task_group() as tasks:

            async def take_long() -> None:
                name = "everything__trigger-long-running-operation"
                await call(servers, name, editor, duration=60, steps=600)

            tasks.start_soon(take_long)
            with anyio.fail_after(20):
                await editor.has_shown.wait()
            tasks.cancel_scope.cancel()
        assert editor.shown[0] == ShownText("1 of 600")
        assert (await call(servers, "everything__echo", message="on")).text == "Echo: on"
