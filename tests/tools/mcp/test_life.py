"""The life of servers: start, end, starting again, and that nothing of them stays."""

import json
import sys
from pathlib import Path

import anyio
import psutil
import pytest

from acp_agent.tools.base import Outcome
from acp_agent.tools.mcp.configured import StdioServer
from acp_agent.tools.mcp.servers import McpServers
from tests.tools.mcp.harness import RecordingEditor, call, faulty, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("tool", ["die", "too_long"])
async def test_a_server_that_ends_in_a_call_is_started_by_the_next(tool: str) -> None:
    async with running(faulty("normal")) as servers:
        outcome = await call(servers, f"faulty__{tool}")
        assert outcome.failed
        assert "'faulty' ended before it answered" in outcome.text
        assert (await call(servers, "faulty__echo", text="again")).text == "again"


async def test_a_server_that_cannot_start_again_is_told_of(tmp_path: Path) -> None:
    script = tmp_path / "once.sh"
    script.write_text(f'[ -e used ] && exit 1; touch used; exec {sys.executable} "$@"')
    server = faulty("normal")
    once = StdioServer("once", "/bin/sh", (str(script), *server.args))
    async with running(once, roots=[tmp_path]) as servers:
        await call(servers, "once__die")
        outcome = await call(servers, "once__echo", text="again")
        assert outcome.failed
        assert "'once' ended before it was ready" in outcome.text


async def test_the_session_gets_by_without_servers_that_fail() -> None:
    absent = StdioServer("absent", "no-such-program", env={"KEY": "secret-key"})
    ends = StdioServer("ends", "false")
    async with running(
        absent, faulty("hang", "hangs"), ends, faulty("normal", "good"), start_timeout=1.5
    ) as servers:
        assert servers.problems == (
            "The MCP server 'absent' could not be started: there is no program 'no-such-program'.",
            "The MCP server 'hangs' did not start within 1.5 seconds.",
            "The MCP server 'ends' ended before it was ready; acp-agent's log has what it wrote.",
        )
        assert (await call(servers, "good__echo", text="hi")).text == "hi"
        with anyio.fail_after(10):
            while len(psutil.Process().children()) > 1:
                await anyio.wait_all_tasks_blocked()


async def test_nothing_that_a_server_started_stays() -> None:
    async with running(faulty("normal")) as servers:
        child = psutil.Process(int((await call(servers, "faulty__spawn")).text))
        assert child.is_running()
    _, left = psutil.wait_procs([child], timeout=2)
    assert not left


async def test_a_server_that_will_not_end_is_killed() -> None:
    async with running(faulty("stubborn")) as servers:
        pid = json.loads((await call(servers, "faulty__client")).text)["pid"]
    assert not psutil.pid_exists(pid)


async def test_a_cancel_of_the_session_ends_everything_at_any_time() -> None:
    servers = McpServers([faulty("normal"), faulty("hang")], [Path.cwd()], start_timeout=20)
    before = set(psutil.Process().children())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(servers.run)
        with anyio.fail_after(10):
            while len(set(psutil.Process().children()) - before) < 2:
                await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert set(psutil.Process().children()) == before
    await servers.wait_ready()


async def test_servers_end_during_their_start_and_may_never_start() -> None:
    servers = McpServers([faulty("hang")], [Path.cwd()], start_timeout=20)
    await servers.aclose()
    with anyio.fail_after(5):
        await servers.run()
    assert servers.tools == ()
    other = McpServers([faulty("hang")], [Path.cwd()], start_timeout=20)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other.run)
            await anyio.wait_all_tasks_blocked()
            await other.aclose()
    assert other.tools == ()


async def test_a_call_ends_with_the_session() -> None:
    editor = RecordingEditor()
    outcomes: list[Outcome] = []
    async with running(faulty("normal")) as servers, anyio.create_task_group() as tasks:

        async def keep() -> None:
            outcomes.append(await call(servers, "faulty__slow", editor))

        tasks.start_soon(keep)
        await editor.has_shown.wait()
        await servers.aclose()
    assert outcomes[0].failed
    assert (await call(servers, "faulty__echo", text="hi")).failed


async def test_a_session_without_servers_is_ready_at_once() -> None:
    servers = McpServers([], [Path.cwd()], start_timeout=20)
    await servers.wait_ready()
    await servers.run()
    await servers.aclose()
    assert servers.tools == servers.prompts == servers.problems == ()


async def test_a_defect_ends_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "acp_agent.tools.mcp.tool", None)
    async with running(faulty("normal")) as servers:
        assert servers.tools == ()
        assert servers.problems == ("No MCP server can be used; acp-agent's log has the reason.",)
