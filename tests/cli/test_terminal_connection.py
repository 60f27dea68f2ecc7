"""The terminal client's connection, against small agents over real pipes."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.cli.terminal import connection as module
from acp_agent.cli.terminal.connection import REQUESTS_AT_ONCE, Connection
from acp_agent.errors import AgentError, ClientError, MethodNotFound

pytestmark = pytest.mark.anyio
FAKE = [sys.executable, str(Path(__file__).parents[1] / "fixtures" / "fake_agent.py")]
PROMPT = "session/prompt"


def prompt(text: str) -> dict[str, Any]:
    return {"prompt": [{"type": "text", "text": text}]}


async def refuse(method: str, params: dict[str, Any]) -> dict[str, Any]:
    raise MethodNotFound(f"no {method}")


def connect(command: list[str], seen: list[Any] | None = None) -> Connection:
    log: list[Any] = [] if seen is None else seen

    def note(method: str, params: dict[str, Any]) -> None:
        log.append((method, params))

    return Connection(command, on_notification=note, on_request=refuse)


async def test_updates_are_handled_before_the_response_returns() -> None:
    seen: list[Any] = []
    with anyio.fail_after(20):
        async with connect(FAKE, seen) as connection:
            assert await connection.request(PROMPT, prompt("hi")) == {"stopReason": "end_turn"}
            texts = [params["update"]["content"]["text"] for _, params in seen]
            assert texts[-3:] == ["The capital ", "is ", "Paris."]
            assert await connection.close() == 0
    assert not connection.alive


async def test_an_error_response_is_raised_with_its_sentence() -> None:
    with anyio.fail_after(20):
        async with connect(FAKE) as connection:
            with pytest.raises(AgentError, match=r"^The model is gone; choose another mode\.$"):
                await connection.request(PROMPT, prompt("fail"))
            assert await connection.request(PROMPT, prompt("max")) == {"stopReason": "max_tokens"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("die", "The agent ended with exit status 3 before it had answered."),
        ("garbage", "no ACP message: b'Loading the model ...'"),
    ],
)
async def test_a_broken_agent_fails_the_request(text: str, message: str) -> None:
    with anyio.fail_after(20):
        async with connect(FAKE) as connection:
            with pytest.raises(ClientError) as error:
                await connection.request(PROMPT, prompt(text))
            assert message in error.value.message
            with pytest.raises(ClientError):
                await connection.request(PROMPT, prompt("hi"))


async def test_a_line_without_end_is_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_LIMIT", 1000)
    monkeypatch.setattr(module, "EXIT_LIMIT", 0.2)
    flood = "while True: print('x' * 1000, end='', flush=True)"
    with anyio.fail_after(20):
        async with connect([sys.executable, "-c", flood]) as connection:
            with pytest.raises(ClientError, match="more than 64 MiB"):
                await connection.request("initialize", {})
            await connection.close()


async def test_a_silent_agent_is_given_up_after_the_limit() -> None:
    with anyio.fail_after(20):
        async with connect([*FAKE, "--deaf"]) as connection:
            with pytest.raises(ClientError, match=r"did not answer session/prompt within 0\.05 s"):
                await connection.request(PROMPT, prompt("a long story"), limit=0.05)


async def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(ClientError, match="'no-such-agent' could not be started: No such file"):
        await connect(["no-such-agent"]).__aenter__()


async def test_the_agent_has_a_process_group_of_its_own() -> None:
    seen: list[Any] = []
    report = "import json, os; own = os.getpgrp() == os.getpid();"
    report += "print(json.dumps({'method': 'group', 'params': {'own': own}}))"
    with anyio.fail_after(20):
        async with connect([sys.executable, "-c", report], seen) as connection:
            with pytest.raises(ClientError):
                await connection.request("initialize", {})
    assert seen == [("group", {"own": True})]


async def test_an_agent_that_stays_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXIT_LIMIT", 0.2)
    with anyio.fail_after(20):
        async with connect([*FAKE, "--stay"]) as connection:
            assert await connection.close() == -15


async def test_an_error_in_the_body_is_not_wrapped() -> None:
    with anyio.fail_after(20):
        with pytest.raises(BrokenPipeError):
            async with connect(FAKE):
                raise BrokenPipeError


async def test_an_error_of_the_view_fails_the_request() -> None:
    def view(method: str, params: dict[str, Any]) -> None:
        raise BrokenPipeError

    with anyio.fail_after(20):
        async with Connection(FAKE, on_notification=view, on_request=refuse) as connection:
            with pytest.raises(BrokenPipeError):
                await connection.request(PROMPT, prompt("hi"))


ASKING = r"""
import json, sys
asks = [{"id": f"a{number}", "method": "ask", "params": {}} for number in range(40)]
print("".join(json.dumps(ask) + "\n" for ask in asks), end="", flush=True)
replies = [json.loads(sys.stdin.readline()) for _ in range(40)]
print(json.dumps({"method": "replies", "params": {"ids": [reply["id"] for reply in replies]}}))
"""


async def test_the_agents_requests_are_answered_a_bounded_number_at_a_time() -> None:
    ids: list[str] = []
    full, gate, replied = anyio.Event(), anyio.Event(), anyio.Event()
    active = most = 0

    def note(method: str, params: dict[str, Any]) -> None:
        ids.extend(params["ids"])
        replied.set()

    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
        nonlocal active, most
        active += 1
        most = max(most, active)
        if active == REQUESTS_AT_ONCE:
            full.set()
        await gate.wait()
        active -= 1
        return {}

    command = [sys.executable, "-c", ASKING]
    with anyio.fail_after(20):
        async with Connection(command, on_notification=note, on_request=answer):
            await full.wait()
            await anyio.wait_all_tasks_blocked()
            gate.set()
            await replied.wait()
    assert most == REQUESTS_AT_ONCE
    assert sorted(ids) == sorted(f"a{number}" for number in range(40))
