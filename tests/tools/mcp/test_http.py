"""Servers over HTTP that refuse, are not there, go and come back."""

import logging

import anyio
import pytest
from anyio.abc import TaskStatus

from acp_agent.tools.mcp.configured import HttpServer, SseServer
from tests.tools.mcp.harness import call, running
from tests.tools.mcp.http_server import HttpFaults, http_faults

pytestmark = pytest.mark.anyio


async def test_headers_go_with_every_request_and_the_end_is_told() -> None:
    async with http_faults() as web:
        async with running(web.configured(Authorization="Bearer 1")) as servers:
            assert (await call(servers, "web__echo", a=1)).text == '{"a": 1}'
            assert "DELETE" not in web.methods
        assert web.methods[-1] == "DELETE"
        assert {headers.get("authorization") for headers in web.headers} == {"Bearer 1"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "wants a login (HTTP status 401)"),
        (403, "wants a login (HTTP status 403)"),
        (404, "answers with HTTP status 404"),
        (500, "answers with HTTP status 500"),
    ],
)
async def test_a_refusal_is_told_without_secrets(
    status: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "acp_agent")
    async with http_faults() as web:
        web.status = status
        http = web.configured(Authorization="Bearer secret")
        sse = SseServer("events", http.url, http.headers)
        async with running(http, sse) as servers:
            assert len(servers.problems) == 2
            for name, problem in zip(("web", "events"), servers.problems, strict=True):
                assert problem.startswith(f"The MCP server {name!r} {reason}")
                assert "secret" not in problem
    assert "secret" not in caplog.text


async def test_an_address_where_nobody_answers() -> None:
    async with http_faults() as web:
        gone = web.configured()
    async with running(
        gone, SseServer("events", gone.url), HttpServer("wrong", "nonsense")
    ) as servers:
        assert [problem.split(":")[0] for problem in servers.problems] == [
            "The MCP server 'web' cannot be reached",
            "The MCP server 'events' cannot be reached",
            "The MCP server 'wrong' has no valid address in the editor's settings.",
        ]


async def test_a_server_that_forgot_the_session_is_met_anew() -> None:
    async with http_faults() as web, running(web.configured()) as servers:
        web.sessions += 1
        outcome = await call(servers, "web__echo", a=1)
        assert outcome.failed
        assert "Make it again" in outcome.text
        assert (await call(servers, "web__echo", a=1)).text == '{"a": 1}'


async def test_an_error_of_http_fails_one_call() -> None:
    async with http_faults() as web, running(web.configured()) as servers:
        web.status = 500
        outcome = await call(servers, "web__echo", a=1)
        assert outcome.failed
        web.status = 0
        assert (await call(servers, "web__echo", a=1)).text == '{"a": 1}'


async def test_calls_to_a_server_that_is_gone_fail_until_it_is_back() -> None:
    async def serve(port: int, stop: anyio.Event, *, task_status: TaskStatus[HttpFaults]) -> None:
        async with http_faults(port) as web:
            task_status.started(web)
            await stop.wait()
        ended.set()

    stop, ended = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        web: HttpFaults = await tasks.start(serve, 0, stop)
        async with running(web.configured()) as servers:
            assert not (await call(servers, "web__echo", a=1)).failed
            stop.set()
            await ended.wait()
            first = await call(servers, "web__echo", a=1)
            assert first.failed
            assert "'web' ended before it answered" in first.text
            second = await call(servers, "web__echo", a=1)
            assert second.failed
            assert "'web' cannot be reached" in second.text
            async with http_faults(web.port):
                assert (await call(servers, "web__echo", a=1)).text == '{"a": 1}'
