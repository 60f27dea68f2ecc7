"""MCP servers of a session, through the official SDK: the editor names them, the model calls.

The server is the reference one from npm, the agent and its processes are real; the model is
a script behind a real Ollama socket.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import acp.schema
import anyio
import psutil
import pytest

from acp_agent.tools.mcp.configured import HttpServer, ServerConfig, SseServer, StdioServer
from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Json
from tests.e2e.full_editor import FullEditor, full_editor
from tests.e2e.python_client import result_of
from tests.e2e.raw_client import RawClient, raw_client
from tests.e2e.session import OpenSession, Turn
from tests.fixtures.everything_server import SCRIPT, TRANSPORTS, everything
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Reply, ToolUse
from tests.fixtures.ollama_server import OllamaServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

GONE_SECONDS = 10.0
IMAGE = "everything__get-tiny-image"
LONG = "everything__trigger-long-running-operation"
PROMPT = "everything:args-prompt"
ABSENT = StdioServer("absent", "no-such-program")


def playing_server(*steps: ToolUse | Content) -> OllamaServer:
    """A server whose model answers with one of ``steps`` each time."""
    server = OllamaServer(models=[OllamaModel("coder:latest", ("completion", "tools"))])
    server.queue += [Reply((step,)) for step in steps]
    return server


def on_wire(server: ServerConfig) -> Any:
    """``server`` in the SDK's types."""
    match server:
        case StdioServer():
            return acp.schema.McpServerStdio(
                name=server.name, command=server.command, args=list(server.args), env=[]
            )
        case HttpServer():
            return acp.schema.HttpMcpServer(
                type="http", name=server.name, url=server.url, headers=[]
            )
        case SseServer():
            return acp.schema.SseMcpServer(type="sse", name=server.name, url=server.url, headers=[])


async def open_with(editor: FullEditor, cwd: Path, *servers: ServerConfig) -> OpenSession:
    """A new session with ``servers``."""
    await editor.initialize()
    call = editor.connection.new_session(cwd=str(cwd), mcp_servers=[*map(on_wire, servers)])
    return OpenSession(editor, await result_of(call))


def commands(editor: FullEditor, session: OpenSession) -> dict[str, Json]:
    """The commands that the editor was told of last, by name."""
    updates = [
        each["update"]
        for each in editor.notices("session/update")
        if each["sessionId"] == session.id
        and each["update"]["sessionUpdate"] == "available_commands_update"
    ]
    return {each["name"]: each for each in updates[-1]["availableCommands"]} if updates else {}


def allow(question: Json) -> str:
    """The user allows it once."""
    return next(o["optionId"] for o in question["options"] if o["kind"] == "allow_once")


def calls_of(updates: Sequence[Json]) -> list[Json]:
    """The updates of the model's calls, in order; loading the model is none of them."""
    return [each for each in updates if each.get("toolCallId", "").startswith("call-")]


def assert_image_shown(turn: Turn) -> None:
    """Fails unless the one call went its way and its image came as ACP content."""
    calls = calls_of(turn.updates())
    states = [each["status"] for each in calls if "status" in each]
    assert states == ["pending", "in_progress", "completed"]
    content = [each["content"] for each in calls[-1]["content"]]
    image = next(each for each in content if each["type"] == "image")
    assert image["mimeType"] == "image/png"
    assert len(image["data"]) > 1000


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_tool_is_asked_for_runs_and_shows_its_image(
    transport: str, isolated_home: Path, tmp_path: Path
) -> None:
    steps = (ToolUse(IMAGE, {}), Content("There it is."), Content("Sunny."))
    async with everything(transport) as configured, playing_server(*steps).running() as server:
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with full_editor(environ, choose=allow) as editor:
            session = await open_with(editor, tmp_path, ABSENT, configured)
            await session.choose("ollama")
            turn = await session.ask("Show me an image.")
            assert await turn.stop_reason() == "end_turn"
            assert [each for each in turn.notices if "'absent'" in each] == [
                "*The MCP server 'absent' could not be started: there is no program "
                "'no-such-program'.*\n\n"
            ]
            (question,) = editor.questions
            assert question.params["toolCall"]["title"].startswith("everything: ")
            assert_image_shown(turn)
            assert turn.answer == "There it is."

            await editor.wait_until(lambda: PROMPT in commands(editor, session))
            prompt = commands(editor, session)[PROMPT]
            assert prompt["input"]["hint"] == "<city> [state]"
            again = await session.ask(f"/{PROMPT} Paris Texas")
            assert again.answer == "Sunny."
            assert not [each for each in again.notices if "'absent'" in each]
        assert "Here's the image" in told(server, "tool")
        assert server.chats[-1]["messages"][-1]["content"] == "What's weather in Paris, Texas?"


def told(server: OllamaServer, role: str) -> str:
    """The newest message of ``role`` that the model was told."""
    messages = server.chats[-1]["messages"]
    return next(each["content"] for each in reversed(messages) if each["role"] == role)


async def test_close_and_the_end_of_input_leave_no_server(
    isolated_home: Path, tmp_path: Path
) -> None:
    async with everything("stdio") as configured:
        async with full_editor(agent_environ(isolated_home)) as editor:
            first = await open_with(editor, tmp_path, configured)
            second = await open_with(editor, tmp_path, configured)
            for session in (first, second):
                await editor.wait_until(lambda of=session: PROMPT in commands(editor, of))
            before = server_processes(editor.pid)
            await editor.close_session(first.id)
            left = server_processes(editor.pid)
            assert len(left) == len(before) // 2 > 0
        assert_gone(before)


def server_processes(pid: int) -> list[psutil.Process]:
    """The MCP servers below the process ``pid``."""
    below = psutil.Process(pid).children(recursive=True)
    return [each for each in below if str(SCRIPT) in each.cmdline()]


def assert_gone(processes: Sequence[psutil.Process]) -> None:
    """Fails unless ``processes`` have ended."""
    _, alive = psutil.wait_procs(processes, timeout=GONE_SECONDS)
    assert not alive


async def long_call(client: RawClient, cwd: Path, configured: ServerConfig) -> tuple[str, Json]:
    """A session and its prompt, at the time when a call of the server's runs."""
    await client.call("initialize", protocolVersion=1)
    wire = on_wire(configured).model_dump(mode="json", by_alias=True, exclude_none=True)
    opened = await client.call("session/new", cwd=str(cwd), mcpServers=[wire])
    session: str = opened["sessionId"]
    for option, value in (("mode", "ollama"), ("permissions", "full")):
        await client.call(
            "session/set_config_option", sessionId=session, configId=option, value=value
        )
    prompt = client.prompt_request(session, "Take your time.")
    client.send(prompt)
    while True:
        params = (await client.receive()).get("params", {})
        update = params.get("update", {})
        if "of 600" in str(update.get("content", "")):  # what the server told of its progress
            return session, prompt


@pytest.mark.parametrize("end", ["cancel", "close"])
async def test_a_call_that_runs_is_settled_and_leaves_nothing(
    end: str, isolated_home: Path, tmp_path: Path
) -> None:
    steps = (ToolUse(LONG, {"duration": 60, "steps": 600}), Content("On we go."))
    async with everything("stdio") as configured, playing_server(*steps).running() as server:
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with raw_client(environ) as client:
            session, prompt = await long_call(client, tmp_path, configured)
            processes = server_processes(client.process.pid)
            assert processes
            if end == "cancel":
                params = {"sessionId": session}
                client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": params})
                await client.response(prompt)
                assert await client.prompt(session, "Go on.") == "On we go."
            with anyio.fail_after(30):
                assert await client.close() == 0
        answer = next(each for each in client.received if each.get("id") == prompt["id"])
        assert answer["result"]["stopReason"] == "cancelled"
        updates = [each.get("params", {}).get("update", {}) for each in client.received]
        states = [each["status"] for each in calls_of(updates) if "status" in each]
        assert states == ["pending", "in_progress", "failed"]
        assert_gone(processes)
