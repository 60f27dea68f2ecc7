"""What servers offer, and what calls of their tools come to."""

import json
import logging
import os
from pathlib import Path

import anyio
import pytest

from acp_agent.tools.actions import Action
from acp_agent.tools.base import Outcome, Prepared
from acp_agent.tools.mcp.configured import McpProblem
from acp_agent.tools.mcp.tool import find_fault
from acp_agent.tools.shown import ShownBlock, ShownText
from tests.fixtures.workspace import make_workspace
from tests.tools.mcp.harness import RecordingEditor, call, faulty, find_tool, running

pytestmark = pytest.mark.anyio


async def test_tools_are_offered_under_the_servers_names() -> None:
    async with running(faulty("normal"), faulty("normal", "my files")) as servers:
        assert servers.problems == ()
        names = [tool.tool.name for tool in servers.tools]
        assert names[0] == "faulty__echo"
        assert "my_files__echo" in names
        assert len(set(names)) == len(names)
        echo = find_tool(servers, "my_files__echo")
        assert echo.kind == "read"
        assert echo.title({}) == "my files: Say it again"
        assert find_tool(servers, "faulty__die").kind == "other"


async def test_a_call_says_what_it_would_do_and_then_does_it(tmp_path: Path) -> None:
    async with running(faulty("normal")) as servers:
        echo = find_tool(servers, "faulty__echo")
        prepared = await echo.prepare({"text": "hi"}, make_workspace(tmp_path))
        assert isinstance(prepared, Prepared)
        assert prepared.action == Action("server", tool="faulty__echo", read_only=True)
        assert prepared.shown == (ShownText('```json\n{\n  "text": "hi"\n}\n```'),)
        hidden = await echo.prepare({"text": "a\u202eb"}, make_workspace(tmp_path))
        assert isinstance(hidden, Prepared)
        assert "\u202e" not in str(hidden.shown)
        assert await prepared.run(RecordingEditor()) == Outcome("hi")
        slow = await find_tool(servers, "faulty__slow").prepare({}, make_workspace(tmp_path))
        assert isinstance(slow, Prepared)
        assert not slow.action.read_only


async def test_arguments_are_checked_before_anybody_is_asked() -> None:
    async with running(faulty("normal")) as servers:
        outcome = await call(servers, "faulty__echo", text=5)
        assert outcome.failed
        assert outcome.text == "The call was not made. text: 5 is not of type 'string'."
        outcome = await call(servers, "faulty__echo")
        assert "'text' is a required property" in outcome.text


async def test_a_schema_that_cannot_be_used_leaves_the_check_to_the_server() -> None:
    async with running(faulty("shapeless")) as servers:
        assert (await call(servers, "faulty__shapeless", a=1, b=2)).text == '{"a": 1, "b": 2}'


def test_a_schema_makes_us_fetch_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr("urllib.request.urlopen", fetched.append)
    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}}
    assert find_fault(schema, {"a": 1}) is None
    assert not fetched


async def test_all_kinds_of_content_reach_the_user_and_text_the_model() -> None:
    async with running(faulty("normal")) as servers:
        outcome = await call(servers, "faulty__blocks")
    assert outcome.text.split("\n") == [
        "Look",
        "[an image, image/png; the user sees it]",
        "[a sound, audio/wav; the user can hear it]",
        "[demo:/a]",
        "inside",
        "[demo:/b, binary data; the user can open it]",
        "[c: demo:/c]",
    ]
    resource = {"uri": "demo:/a", "text": "inside", "mimeType": "text/plain"}
    assert outcome.shown == (
        ShownText("Look"),
        ShownBlock({"type": "image", "data": "aGk=", "mimeType": "image/png"}),
        ShownBlock({"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}),
        ShownBlock({"type": "resource", "resource": resource}),
        ShownBlock({"type": "resource", "resource": {"uri": "demo:/b", "blob": "aGk="}}),
        ShownBlock({"type": "resource_link", "uri": "demo:/c", "name": "c"}),
    )


async def test_failures_are_outcomes() -> None:
    async with running(faulty("normal")) as servers:
        assert await call(servers, "faulty__refuse") == Outcome("I would rather not", failed=True)
        outcome = await call(servers, "faulty__nonsense")
        assert outcome.failed
        assert "cannot be used" in outcome.text
        assert (await call(servers, "faulty__echo", text="still here")).text == "still here"


async def test_much_text_comes_through() -> None:
    async with running(faulty("normal")) as servers:
        assert len((await call(servers, "faulty__huge")).text) == 4 * 1024 * 1024


async def test_progress_is_shown_and_a_cancel_reaches_the_server() -> None:
    editor = RecordingEditor()
    async with running(faulty("normal")) as servers:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, servers, "faulty__slow", editor)
            await editor.has_shown.wait()
            tasks.cancel_scope.cancel()
        assert editor.shown == [ShownText("Thinking (1 of 3)")]
        assert (await call(servers, "faulty__cancelled")).text == "1"


async def test_a_call_has_a_time_limit() -> None:
    # Longer than the start may take: that limit must not hold any more.
    async with running(faulty("normal"), start_timeout=1.5, call_timeout=1.6) as servers:
        outcome = await call(servers, "faulty__slow")
        assert outcome.failed
        assert "did not answer within 1.6 seconds" in outcome.text
        assert (await call(servers, "faulty__cancelled")).text == "1"


async def test_a_list_without_end_and_one_against_the_protocol() -> None:
    async with running(faulty("endless", "endless"), faulty("broken_list", "broken")) as servers:
        assert servers.tools == ()
        assert servers.problems == (
            "The MCP server 'broken' does not follow the protocol: its answers cannot be read.",
        )


async def test_of_ten_thousand_tools_the_first_are_used() -> None:
    async with running(faulty("many")) as servers:
        assert [tool.tool.name for tool in servers.tools] == [
            f"faulty__tool{number}" for number in range(128)
        ]
        assert servers.problems == (
            "The MCP server 'faulty' offers more than 128 tools; the first 128 are used.",
        )


async def test_names_that_are_alike_become_different_ones() -> None:
    async with running(faulty("duplicates")) as servers:
        names = [tool.tool.name for tool in servers.tools]
        assert names == ["faulty__echo", "faulty__echo_2", "faulty__echo_3"]


async def test_prompts_are_offered() -> None:
    async with running(faulty("normal")) as servers:
        (prompt,) = servers.prompts
        assert (prompt.name, prompt.description, prompt.hint) == (
            "faulty:greet",
            "Greets",
            "<who> [how]",
        )
        assert await servers.get_prompt("faulty:greet", prompt.read("Ann")) == "Greet Ann"
        with pytest.raises(McpProblem, match="unknown"):
            await servers.get_prompt("faulty:greet", {})
        with pytest.raises(McpProblem, match="no prompt"):
            await servers.get_prompt("faulty:nothing", {})


async def test_a_server_may_ask_for_the_roots_and_for_nothing_else(tmp_path: Path) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    async with running(faulty("normal"), roots=roots) as servers:
        answer = json.loads((await call(servers, "faulty__roots")).text)
        assert [each["uri"] for each in answer["result"]["roots"]] == [
            root.as_uri() for root in roots
        ]
        assert "error" in json.loads((await call(servers, "faulty__sample")).text)
        client = json.loads((await call(servers, "faulty__client")).text)
        assert client["capabilities"].keys() == {"roots"}
        assert client["clientInfo"]["name"] == "acp-agent"
        assert client["cwd"] == str(roots[0])


async def test_a_server_gets_its_environment_and_little_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    async with running(faulty("normal", OWN="mine")) as servers:
        environment = json.loads((await call(servers, "faulty__environment")).text)
    assert environment["OWN"] == "mine"
    assert environment["PATH"] == os.environ["PATH"]
    assert "SOME_TOKEN" not in environment


async def test_noise_is_read_past_and_kept_out_of_our_streams(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(faulty("noise")) as servers:
        assert (await call(servers, "faulty__echo", text="hi")).text == "hi"
    assert capfd.readouterr() == ("", "")
    logged = [record.getMessage() for record in caplog.records]
    assert "faulty: line 0 on stderr" in logged
    assert "faulty: echoing" in logged
    assert len(logged) < 600
