"""Who may come in over TCP: the gate in front of an application that must not be reached."""

from collections.abc import Mapping, Sequence

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acp_agent.engine.host.auth import ByTransport, TokenGate, read_token
from acp_agent.errors import AgentError

pytestmark = pytest.mark.anyio

TOKEN = "a-long-and-random-token"
GOOD = {"host": "127.0.0.1:8080", "authorization": f"Bearer {TOKEN}"}
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(await Request(scope, receive).body() or b"in")(scope, receive, send)


async def ask(
    headers: Headers, *, host: str = "127.0.0.1", server: tuple[str, int] = ("127.0.0.1", 8080)
) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of the gate's answer; fails where a refused body was read."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    scope: Scope = {"type": "http", "method": "POST", "path": "/x", "headers": raw}
    sent: list[Message] = []
    reads = 0

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    gate = TokenGate(let_in, TOKEN, host=host)
    await gate({**scope, "server": server}, receive, send)
    status = sent[0]["status"]
    assert reads == (1 if status == 200 else 0)
    return status, dict(sent[0]["headers"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens(scheme: str) -> None:
    status, headers = await ask({**GOOD, "authorization": f"{scheme} {TOKEN}"})
    assert status == 200
    assert not [name for name in headers if name.startswith(b"access-control")]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer \xe9\xff",
    ],
)
async def test_anything_else_does_not(value: str) -> None:
    status, headers = await ask({**GOOD, "authorization": value})
    assert status == 401
    assert headers[b"www-authenticate"] == b"Bearer"
    assert headers[b"connection"] == b"close"


async def test_no_token_at_all() -> None:
    assert (await ask({"host": "127.0.0.1:8080"}))[0] == 401


async def test_two_tokens_are_none() -> None:
    right = ("authorization", f"Bearer {TOKEN}")
    pairs = [("host", "127.0.0.1:8080"), right, ("authorization", "Bearer other")]
    assert (await ask(pairs))[0] == 401


@pytest.mark.parametrize(
    "name", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"]
)
async def test_names_of_this_machine(name: str) -> None:
    assert (await ask({**GOOD, "host": name}))[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example:8080",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8081",
        "localhost.evil.example:8080",
        "127.0.0.1:8080.evil.example",
        "user@127.0.0.1:8080",
        "0.0.0.0:8080",
        "",
    ],
)
async def test_rebound_name_is_refused_though_the_token_is_right(name: str) -> None:
    assert (await ask({**GOOD, "host": name}))[0] == 421


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["localhost:8080", "evil.example:8080"],
        ["evil.example:8080", "localhost:8080"],
        ["localhost:8080", "localhost:8080"],
    ],
)
async def test_no_name_and_two_names_are_refused(names: list[str]) -> None:
    pairs = [("authorization", f"Bearer {TOKEN}"), *(("host", name) for name in names)]
    assert (await ask(pairs))[0] == 421


async def test_the_name_that_was_listened_at() -> None:
    assert (await ask({**GOOD, "host": "studio.local:8080"}, host="Studio.local"))[0] == 200
    assert (await ask({**GOOD, "host": "studio.local:8080"}))[0] == 421


async def test_listening_everywhere_lets_the_reached_address_in() -> None:
    reached = ("192.168.1.5", 8080)
    assert (await ask({**GOOD, "host": "192.168.1.5:8080"}, host="0.0.0.0", server=reached))[
        0
    ] == 200
    assert (await ask({**GOOD, "host": "192.168.1.6:8080"}, host="0.0.0.0", server=reached))[
        0
    ] == 421
    reached = ("fd00::5", 8080)
    assert (await ask({**GOOD, "host": "[fd00::5]:8080"}, host="::", server=reached))[0] == 200


async def test_the_port_may_be_left_out_where_it_is_https_own() -> None:
    server = ("127.0.0.1", 80)
    assert (await ask({**GOOD, "host": "localhost"}, server=server))[0] == 200
    assert (await ask({**GOOD, "host": "evil.example"}, server=server))[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:8080", "null", ""])
async def test_pages_are_refused_though_the_token_is_right(origin: str) -> None:
    status, headers = await ask({**GOOD, "origin": origin})
    assert status == 403
    assert not [name for name in headers if name.startswith(b"access-control")]


@pytest.mark.parametrize("state", [{}, {"over_unix": False}, {"over_unix": "yes"}, None])
async def test_what_is_not_known_to_be_the_socket_is_tcp(state: dict[str, object] | None) -> None:
    assert await led_to({} if state is None else {"state": state}) == ["tcp"]


async def test_what_came_over_the_socket_needs_no_token() -> None:
    assert await led_to({"state": {"over_unix": True}}) == ["unix"]


async def led_to(scope: Scope) -> list[str]:
    reached: list[str] = []

    def note(name: str) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            reached.append(name)

        return app

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        pass

    await ByTransport(note("unix"), note("tcp"))(scope, receive, send)
    return reached


def test_the_token_is_read_from_the_environment(caplog: pytest.LogCaptureFixture) -> None:
    assert read_token("NAME", {"NAME": f" {TOKEN}\n"}) == TOKEN
    assert not caplog.records
    assert read_token("NAME", {"NAME": "short"}) == "short"
    assert "guessed" in caplog.text


@pytest.mark.parametrize("environment", [{}, {"NAME": ""}, {"NAME": " \n"}])
def test_without_a_token_it_does_not_start(environment: dict[str, str]) -> None:
    with pytest.raises(AgentError, match="NAME is not set"):
        read_token("NAME", environment)


@pytest.mark.parametrize("token", ["two words", "caf\xe9", "a\x07b", "a\nb"])
def test_token_that_no_header_carries_is_refused(token: str) -> None:
    with pytest.raises(AgentError, match="cannot carry") as refused:
        read_token("NAME", {"NAME": token})
    assert token not in refused.value.message
