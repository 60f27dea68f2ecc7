"""``acp-agent mcp`` as other agents start it: through the official clients, and in raw lines.

The process is real; behind it is a fake Ollama server, or the tiny gpt-oss in the real engine.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from acp_agent.config.paths import find_paths
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.decisions import DecisionRecord
from acp_agent.routing.generate import NAME
from tests.e2e.agent_process import ROOT, agent_command, agent_environ
from tests.e2e.engine_probe import EngineProbe
from tests.e2e.gptoss import answer_of, running_gptoss
from tests.e2e.typescript_client import node_command
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Hold, Reply, Thinking, reply_of_words
from tests.fixtures.ollama_server import OllamaServer
from tests.tiny_gptoss.dialogues import COUNT, HELLO

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

PATIENCE = 60.0
LINE_LIMIT = 1024 * 1024
NODE_CLIENT = Path(__file__).resolve().parent / "typescript" / "mcp_client.mjs"


def ollama() -> OllamaServer:
    """A server that has gpt-oss."""
    model = OllamaModel("gpt-oss:20b", ("completion", "tools", "thinking"), family="gptoss")
    return OllamaServer(models=[OllamaModel("llama3.2:latest"), model])


def parameters(environ: dict[str, str], cwd: Path) -> StdioServerParameters:
    """How a client starts the server."""
    command, *arguments = agent_command()
    return StdioServerParameters(
        command=command, args=[*arguments, "mcp"], env=environ, cwd=str(cwd)
    )


def record_below(home: Path | str) -> DecisionRecord:
    """The newest decision of the agents that live below ``home``."""
    state = find_paths({"ACP_AGENT_HOME": str(home)}).state
    (logged,) = DecisionLog(state / "routing.jsonl").last(1)
    return logged.record


def text_of(result: CallToolResult) -> str:
    """The first block."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_python_client_gets_the_answer_of_ollamas_model(
    mode: str, isolated_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    messages: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        messages.append(message or "")

    async with ollama().running() as server:
        server.queue.append(Reply((Thinking("Hm."), Content("It is "), Content("done."))))
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with Client(parameters(environ, tmp_path), mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == [NAME]
            arguments = {"user_prompt": "Do it.", "workspace_root": str(tmp_path)}
            result = await client.call_tool(NAME, arguments, progress_callback=note)
            wrong = await client.call_tool(NAME, {**arguments, "workspace_root": "/"})
    assert text_of(result) == "It is done."
    assert result.structured_content["model"] == "gpt-oss:20b"
    assert "not installed" in str(result.structured_content["notes"])
    assert messages == ["Loading gpt-oss:20b (4.7 GB)", "Thinking"]
    (chat,) = server.chats
    assert "Use tabs." in chat["messages"][-1]["content"]
    assert wrong.is_error
    assert "outside of the folders that are open" in text_of(wrong)
    record = record_below(isolated_home)
    assert [each.gate for each in record.skipped] == ["refused"]


async def test_the_official_client_from_npm(isolated_home: Path, tmp_path: Path) -> None:
    async with ollama().running() as server:
        server.replies["Count."] = reply_of_words("one two three")
        server.replies["Wait."] = Reply((Content("So"), Hold()))
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        order = {"command": agent_command(), "environ": environ, "cwd": str(tmp_path)}
        command = [node_command(), str(NODE_CLIENT), json.dumps(order)]
        with anyio.fail_after(PATIENCE):
            done = await anyio.run_process(command, stderr=None)
            # It has aborted the second call.
            await server.wait_left("/api/chat")
    seen = json.loads(done.stdout)
    assert seen["tools"] == [NAME]
    assert seen["result"]["structuredContent"]["text"] == "one two three"
    assert seen["progress"][-1]["message"] == "one"
    assert "Abort" in seen["aborted"]
    assert record_below(isolated_home).outcome.cancelled


class Lines:
    """The server's process, and its messages line by line; everything else is a failure."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)

    async def send(self, **message: Any) -> None:
        await self._stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        return json.loads(await self._stdout.receive_until(b"\n", LINE_LIMIT))

    async def initialize(self) -> None:
        info = {"name": "lines", "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}
        await self.send(id=0, method="initialize", params=params)
        assert (await self.receive())["result"]["serverInfo"]["name"] == "acp-agent"
        await self.send(method="notifications/initialized")

    async def call(self, prompt: str) -> None:
        params = {"name": NAME, "arguments": {"user_prompt": prompt}}
        await self.send(id=1, method="tools/call", params=params)

    async def close(self) -> int:
        """Closes the server's input; its exit status."""
        await self._stdin.aclose()
        return await self.process.wait()


@asynccontextmanager
async def started(environ: dict[str, str], *command: str) -> AsyncGenerator[Lines]:
    """The server, which must end by itself."""
    process = await anyio.open_process([*command], env=environ, stderr=subprocess.PIPE)
    async with process:
        with anyio.fail_after(PATIENCE):
            lines = Lines(process)
            await lines.initialize()
            yield lines
            await process.wait()


async def test_the_end_of_input_stops_the_model_and_the_process(isolated_home: Path) -> None:
    async with ollama().running() as server:
        server.queue.append(reply := Reply((Content("So"), Hold())))
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with started(environ, *agent_command(), "mcp") as lines:
            await lines.call("Wait.")
            await reply.started.wait()
            assert await lines.close() == 0
            await server.wait_left("/api/chat")
    assert record_below(isolated_home).outcome.cancelled


async def test_stray_output_does_not_reach_the_client(isolated_home: Path) -> None:
    noisy = (
        "import os, sys, acp_agent.cli.mcp, acp_agent.config.load as load\n"
        "real = load.load_settings\n"
        "def noisy(*arguments):\n"
        "    print('noise', flush=True)\n"
        "    os.write(1, b'noise')\n"
        "    os.system('echo noise')\n"
        "    assert os.read(0, 1) == b''\n"
        "    return real(*arguments)\n"
        "load.load_settings = noisy\n"
        "acp_agent.cli.mcp.run(None)\n"
    )
    environ = {**agent_environ(isolated_home), "PYTHONPATH": str(ROOT)}
    async with started(environ, sys.executable, "-c", noisy) as lines:
        await lines.call("Hello.")
        result = (await lines.receive())["result"]
        assert "No GPT-OSS model can answer now" in result["content"][0]["text"]
        assert await lines.close() == 0
        assert lines.process.stderr is not None
        assert (await lines.process.stderr.receive()).count(b"noise") > 0


async def test_gpt_oss_in_the_engine_answers_and_is_cancelled(
    run_folder: Path, tiny_gptoss: Path
) -> None:
    with running_gptoss(tiny_gptoss, run_folder) as environ:
        home = Path(environ["ACP_AGENT_HOME"])
        async with Client(parameters(environ, Path(os.sep))) as client:
            result = await client.call_tool(NAME, {"user_prompt": HELLO.prompt})
            assert text_of(result) == answer_of(HELLO)
            structured = result.structured_content
            assert (structured["mode"], structured["model"]) == ("gptoss_20b", tiny_gptoss.name)
            assert "notes" not in structured
            assert structured["output_tokens"] > 0
            assert record_below(home).outcome.generated_tokens == structured["output_tokens"]

            with anyio.CancelScope() as scope:

                async def cancel(progress: float, total: float | None, message: str | None) -> None:
                    if progress > 1:
                        scope.cancel()

                arguments = {"user_prompt": COUNT.prompt}
                await client.call_tool(NAME, arguments, progress_callback=cancel)
            probe = EngineProbe(home)
            decoded = await probe.decoded()
            assert decoded < len(answer_of(COUNT).split()) + structured["output_tokens"]
            again = await client.call_tool(NAME, {"user_prompt": HELLO.prompt})
            assert text_of(again) == answer_of(HELLO)
