"""One server on both sockets: which is which, what it buffers, and what it says of itself."""

import logging
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from acp_agent.engine.host import listening
from acp_agent.engine.host.address import Address
from acp_agent.engine.host.listening import comes_over_unix, listen, listen_tcp
from acp_agent.errors import AgentError
from tests.fixtures.served_engine import over_tcp, over_unix, serving

pytestmark = pytest.mark.anyio

LOOPBACK = Address("127.0.0.1", 0)
SMALL = 64 * 1024
SETTLED = 0.25


@pytest.fixture
def path(isolated_home: Path) -> Path:
    return isolated_home / "x.sock"


@pytest.fixture
def unix(path: Path) -> Iterator[socket.socket]:
    with listen(path) as listener:
        yield listener


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with listen_tcp(LOOPBACK) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


async def say_door(scope: Scope, receive: Receive, send: Send) -> None:
    door = "unix" if comes_over_unix(scope) else f"tcp {scope['server']}"
    await PlainTextResponse(door)(scope, receive, send)


async def test_both_sockets_are_served_and_told_apart(
    path: Path, unix: socket.socket, tcp: socket.socket
) -> None:
    port = port_of(tcp)
    served = serving(say_door, unix, tcp)
    async with served as server, over_unix(path) as ours, over_tcp(port) as others:
        for _ in range(2):  # on one connection each
            assert (await ours.get("/")).text == "unix"
            assert (await others.get("/")).text == f"tcp ('127.0.0.1', {port})"
        assert server.connections == 2


async def test_tcp_sends_at_once_and_notices_a_dead_client(tcp: socket.socket) -> None:
    async with serving(say_door, tcp) as server, over_tcp(port_of(tcp)) as client:
        await client.get("/")
        (connection,) = server.server_state.connections
        served: socket.socket = connection.transport.get_extra_info("socket")
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert served.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_header_does_not_make_it_the_socket(tcp: socket.socket) -> None:
    async with serving(say_door, tcp), over_tcp(port_of(tcp)) as others:
        headers = {"over_unix": "true", "forwarded": "for=unix:", "x-forwarded-for": "unix:"}
        assert (await others.get("/", headers=headers)).text.startswith("tcp")


def test_only_the_user_reaches_the_socket(path: Path, unix: socket.socket) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_chosen_port_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), listen_tcp(LOOPBACK) as listener:
        assert caplog.messages == [f"listens at http://127.0.0.1:{port_of(listener)}"]


def test_a_name_of_both_kinds_means_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list[tuple[Any, ...]]:
        six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
        return [six, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with listen_tcp(Address("localhost", 0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_all_the_world_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with listen_tcp(Address("0.0.0.0", 0)) as listener:
        assert f"other machines can reach 0.0.0.0:{port_of(listener)}" in caplog.text
        assert "not encrypted" in caplog.text
        assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_ipv6(caplog: pytest.LogCaptureFixture) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with caplog.at_level(logging.INFO), listen_tcp(Address("::1", 0)) as listener:
        port = port_of(listener)
        assert caplog.messages == [f"listens at http://[::1]:{port}"]
        async with serving(say_door, listener), over_tcp(port, "[::1]") as others:
            assert (await others.get("/")).text == f"tcp ('::1', {port})"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_port_in_use_is_explained(tcp: socket.socket) -> None:
    with pytest.raises(AgentError, match=r"in use.*--listen"):
        listen_tcp(Address("127.0.0.1", port_of(tcp)))


def test_unknown_host_is_explained() -> None:
    with pytest.raises(AgentError, match=r"cannot listen at nowhere\.invalid:0"):
        listen_tcp(Address("nowhere.invalid", 0))


@pytest.mark.parametrize("door", ["unix", "tcp"])
async def test_client_that_does_not_read_is_not_written_for(
    door: str, path: Path, unix: socket.socket, tcp: socket.socket
) -> None:
    sent, moved, done = 0, anyio.Event(), anyio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not done.is_set():
            await anyio.lowlevel.checkpoint()
            await send({"type": "http.response.body", "body": b"x" * 200, "more_body": True})
            sent += 200
            moved.set()

    async with serving(flood, unix, tcp):
        with reach(path if door == "unix" else port_of(tcp)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            with anyio.fail_after(10):
                await moved.wait()
                while moved.is_set():
                    moved = anyio.Event()
                    with anyio.move_on_after(SETTLED):
                        await moved.wait()
            done.set()
            assert 0 < sent < SMALL


def reach(place: Path | int) -> socket.socket:
    """A client that the kernel buffers little for."""
    family = socket.AF_INET if isinstance(place, int) else socket.AF_UNIX
    client = socket.socket(family)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", place) if isinstance(place, int) else str(place))
    return client


async def test_many_clients_over_tcp_do_not_shut_the_editors_out(
    path: Path, unix: socket.socket, tcp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "TCP_CONNECTIONS", 2)
    async with serving(say_door, unix, tcp) as server:
        clients = [await anyio.connect_tcp("127.0.0.1", port_of(tcp)) for _ in range(3)]
        with anyio.fail_after(10), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await clients[2].receive()
        async with over_unix(path) as ours:
            assert (await ours.get("/")).text == "unix"
            assert server.connections == 3
        for client in clients:
            await client.aclose()


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf"
UNFINISHED = {
    "nothing": [],
    "half a header": [GET[:-2]],
    "half a body": [POST],
    "half a second request": [GET, GET[:-2]],
    "the rest of a body that was not wanted": [POST.replace(b"/", b"/unread", 1), b"half"],
    "no HTTP": [b"\0\r\n\r\n"],
}
"""What a client says, each after an answer to what came before."""


async def read_and_say_door(scope: Scope, receive: Receive, send: Send) -> None:
    while scope["path"] != "/unread" and (await receive()).get("more_body"):
        pass
    await say_door(scope, receive, send)


async def say(client: anyio.abc.ByteStream, parts: list[bytes]) -> None:
    for number, part in enumerate(parts):
        await client.send(part)
        if number < len(parts) - 1:
            await client.receive()


@pytest.mark.parametrize("name", UNFINISHED)
async def test_over_tcp_a_request_that_does_not_get_on_is_cut_off(
    name: str,
    path: Path,
    unix: socket.socket,
    tcp: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "REQUEST_SECONDS", SETTLED)
    served = serving(read_and_say_door, unix, tcp)
    async with served as server, await anyio.connect_unix(str(path)) as ours:
        await say(ours, UNFINISHED[name])
        async with await anyio.connect_tcp("127.0.0.1", port_of(tcp)) as other:
            await say(other, UNFINISHED[name])
            await until_cut_off(other)
        assert server.connections == (name != "no HTTP")


async def until_cut_off(client: anyio.abc.ByteStream) -> None:
    with anyio.fail_after(10), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await client.receive()


async def test_an_answer_may_take_longer_than_its_request(
    tcp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, late = anyio.Event(), anyio.Event()

    async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.set()
        await late.wait()
        await read_and_say_door(scope, receive, send)

    monkeypatch.setattr(listening, "REQUEST_SECONDS", SETTLED)
    async with serving(answer_late, tcp), over_tcp(port_of(tcp)) as client:

        async def ask() -> None:
            assert (await client.post("/", content=b"whole")).status_code == 200

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await arrived.wait()
                # Its time begins after that of the request, and so ends after it.
                async with await anyio.connect_tcp("127.0.0.1", port_of(tcp)) as silent:
                    await until_cut_off(silent)
                late.set()


async def test_a_body_that_comes_slowly_gets_its_time_anew(
    tcp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "REQUEST_SECONDS", SETTLED)
    async with (
        serving(read_and_say_door, tcp) as server,
        await anyio.connect_tcp("127.0.0.1", port_of(tcp)) as slow,
        await anyio.connect_tcp("127.0.0.1", port_of(tcp)) as silent,
    ):
        with anyio.fail_after(10):
            while server.connections < 2:
                await anyio.lowlevel.checkpoint()
            monkeypatch.setattr(listening, "REQUEST_SECONDS", 100)
            await slow.send(POST)
            await until_cut_off(silent)
            await slow.send(b"half")
            assert (await slow.receive()).startswith(b"HTTP/1.1 200")
