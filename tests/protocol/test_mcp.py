"""MCP servers of a session while they start: what waits for them, and what does not."""

import sys
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from acp_agent.protocol import prompts
from tests.protocol.backend import fake
from tests.protocol.client import NEW_SESSION, Client, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="the servers are POSIX programs"),
]

_SCRIPT = str(Path(__file__).parents[1] / "tools" / "mcp" / "faulty_server.py")
HANGS: dict[str, Any] = {
    "name": "hangs",
    "command": sys.executable,
    "args": ["-S", "-u", _SCRIPT, "hang"],
    "env": [],
}
WORKS: dict[str, Any] = {**HANGS, "name": "works", "args": [*HANGS["args"][:-1], "normal"]}
ABSENT: dict[str, Any] = {"name": "absent", "command": "no-such-program", "args": [], "env": []}


async def open_with(client: Client, *servers: dict[str, Any]) -> str:
    params = {**NEW_SESSION, "mcpServers": [*servers]}
    return (await client.call("session/new", params))["sessionId"]


async def started(count: int) -> list[psutil.Process]:
    """The servers' processes, once there are so many."""
    with anyio.fail_after(20):
        while True:
            children = psutil.Process().children()
            found = [each for each in children if _SCRIPT in each.cmdline()]
            if len(found) == count:
                return found
            await anyio.wait_all_tasks_blocked()


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


async def test_a_prompt_waits_can_be_cancelled_and_others_go_on() -> None:
    backend = fake()
    async with serving(backend) as client:
        waits, other = await open_with(client, HANGS), await open_with(client)
        (process,) = await started(1)
        prompt = client.start_prompt(waits)
        assert await client.prompt(other) == "end_turn"
        assert len(backend.streams) == 1
        client.notify("session/cancel", {"sessionId": waits})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert len(backend.streams) == 1
        assert process.is_running()
    assert_gone([process])


async def test_a_long_start_is_shown_as_a_step_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "PATIENCE_SECONDS", 0)
    async with serving(fake()) as client:
        hangs, works = await open_with(client, HANGS), await open_with(client, WORKS)
        prompt = client.start_prompt(hangs)
        step = await client.update("tool_call", has="Starting MCP servers")
        client.notify("session/cancel", {"sessionId": hangs})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        (end,) = client.updates("tool_call_update")
        assert (end["toolCallId"], end["status"]) == (step["toolCallId"], "failed")
        assert await client.prompt(works) == "end_turn"
        assert client.updates("tool_call_update")[-1]["status"] == "completed"


@pytest.mark.parametrize("has_prompt", [True, False])
async def test_a_close_does_not_wait_for_the_start(has_prompt: bool) -> None:
    async with serving(fake()) as client:
        session = await open_with(client, HANGS)
        processes = await started(1)
        prompt = client.start_prompt(session) if has_prompt else None
        with anyio.fail_after(15):  # the servers' own limit is 20 s
            assert await client.call("session/close", {"sessionId": session}) == {}
        if prompt is not None:
            assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert_gone(processes)
        assert not client.notices()


async def test_a_close_in_the_write_of_the_first_prompt() -> None:
    async with serving(fake()) as client:
        session = await open_with(client, HANGS)
        text = {"sessionId": session, "prompt": [{"type": "text", "text": "hello"}]}
        prompt = client.request("session/prompt", text)
        close = client.request("session/close", {"sessionId": session})
        client.post(prompt, close)
        with anyio.fail_after(15):
            assert await client.result(close["id"]) == {}
        assert (await client.result(prompt["id"]))["stopReason"] == "cancelled"
        assert_gone(await started(0))


async def test_what_cannot_be_used_is_told_once_and_to_its_session_only() -> None:
    async with serving(fake()) as client:
        first, second = await open_with(client, ABSENT), await open_with(client, WORKS, WORKS)
        for session in (first, first, second):
            assert await client.prompt(session) == "end_turn"
        told = "*The MCP server 'absent' could not be started: there is no program "
        assert client.notices() == f"{told}'no-such-program'.*\n\n"


async def test_prompts_of_servers_are_told_when_they_are_there() -> None:
    async with serving(fake()) as client:
        await open_with(client, WORKS, WORKS)
        await client.update("available_commands_update", has="works:greet_2")
        menus = client.updates("available_commands_update")
        names = [[each["name"] for each in menu["availableCommands"]] for menu in menus]
        assert names[1] == [*names[0], "works:greet", "works:greet_2"]
        assert not [name for name in names[0] if ":" in name]
