"""The tool ``fetch_url``: where it connects, and what comes of it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.tools.base import Outcome, Prepared
from acp_agent.tools.shown import ShownText
from acp_agent.tools.web.fetch_url import MOST_REDIRECTS, FetchUrl
from tests.fixtures.fake_editor import FakeEditor
from tests.fixtures.http_socket import Exchange, HttpRequest, serving
from tests.fixtures.workspace import make_workspace

pytestmark = pytest.mark.anyio

Answer = Callable[[Exchange], Awaitable[None]]


def connected() -> None:
    """Nothing to be done."""


@asynccontextmanager
async def server(answer: Answer) -> AsyncGenerator[tuple[FetchUrl, str, list[HttpRequest]], None]:
    """A server, a tool for which its host name is public, its address, and what it was asked."""
    asked: list[HttpRequest] = []

    async def handle(exchange: Exchange) -> None:
        asked.append(exchange.request)
        await answer(exchange)

    async def resolve(host: str, port: int) -> list[str]:
        return {"web.test": ["127.0.0.1"], "mixed.test": ["127.0.0.1", "10.0.0.1"]}[host]

    async with serving(handle, connected) as port:
        tool = FetchUrl(resolve, lambda address: address == "127.0.0.1", seconds=20)
        yield tool, f"http://web.test:{port}/", asked


async def fetch(tool: FetchUrl, url: str, root: Path, **changes: Any) -> Outcome:
    prepared = await tool.prepare({"url": url}, make_workspace(root, **changes))
    return await prepared.run(FakeEditor()) if isinstance(prepared, Prepared) else prepared


def page(content: bytes, kind: str = "text/html", status: int = 200) -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.answer(status, content, kind)

    return answer


def redirect(target: str) -> Answer:
    async def answer(exchange: Exchange) -> None:
        head = f"text/plain\r\nLocation: {target}"
        await exchange.answer(302, b"", head)

    return answer


async def test_a_page_is_read(tmp_path: Path) -> None:
    async with server(page(b"<p>Hello</p><script>no</script>")) as (tool, url, asked):
        outcome = await fetch(tool, url + "a?b=c#d", tmp_path)
    assert outcome.text == "Hello"
    assert not outcome.failed
    (request,) = asked
    assert request.path == "/a?b=c"
    assert request.headers["host"] == url.removeprefix("http://").rstrip("/")
    assert "cookie" not in request.headers
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ('{"a": "ä"}'.encode(), "application/json", '{"a": "ä"}'),
        ("ä".encode("latin-1"), "text/plain; charset=latin-1", "ä"),
        ("ä".encode(), "text/plain; charset=nonesuch", "ä"),
        (b"abc-99", "text/plain; charset=punycode", "abc-99"),
        (b"abc", "text/plain; charset=idna", "abc"),
        (b"<a>\x1b[31m", "image/svg+xml", "<a>"),
        (b"", "text/html", "[The page has no text.]"),
    ],
)
async def test_texts_are_read(tmp_path: Path, content: bytes, kind: str, text: str) -> None:
    async with server(page(content, kind)) as (tool, url, _):
        assert (await fetch(tool, url, tmp_path)).text == text


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (page(b"\0", "image/png"), "is image/png, no text"),
        (page(b"", status=404), "answers with status 404"),
        (page(b"x", "text/html\r\nContent-Encoding: gzip"), "compressed"),
    ],
)
async def test_other_answers_are_told(tmp_path: Path, answer: Answer, problem: str) -> None:
    async with server(answer) as (tool, url, _):
        outcome = await fetch(tool, url, tmp_path)
    assert outcome.failed
    assert problem in outcome.text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "Only addresses of the web"),
        ("ftp://a.example/", "Only addresses of the web"),
        ("gopher://a", "Only addresses of the web"),
        ("/relative", "Only addresses of the web"),
        ("http:///x", "Only addresses of the web"),
        ("http://user:word@a.example/", "user name or password"),
        ("http://a.example:99999/", "Only addresses of the web"),
        ("http://[::1", "cannot be read"),
    ],
)
async def test_other_addresses_are_refused_before_anybody_is_asked(
    tmp_path: Path, url: str, problem: str
) -> None:
    outcome = await FetchUrl().prepare({"url": url}, make_workspace(tmp_path))
    assert isinstance(outcome, Outcome)
    assert outcome.failed
    assert problem in outcome.text


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]",
     "169.254.169.254", "10.0.0.1", "[fe80::1]"],
)  # fmt: skip
async def test_closed_networks_are_refused_whatever_they_are_called(
    tmp_path: Path, host: str
) -> None:
    async with server(page(b"secret")) as (_, url, asked):
        outcome = await fetch(FetchUrl(), url.replace("web.test", host), tmp_path)
    assert outcome.failed
    assert "not on the public internet" in outcome.text
    assert not asked


async def test_one_closed_address_of_a_name_is_enough(tmp_path: Path) -> None:
    async with server(page(b"secret")) as (tool, url, asked):
        outcome = await fetch(tool, url.replace("web", "mixed"), tmp_path)
    assert "not on the public internet" in outcome.text
    assert not asked


async def test_a_name_is_looked_up_once_and_that_address_used(tmp_path: Path) -> None:
    looked_up: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.2"]

    async with server(page(b"x")) as (_, url, asked):
        tool = FetchUrl(rebinding, lambda address: address == "127.0.0.1")
        assert (await fetch(tool, url, tmp_path)).text == "x"
    assert looked_up == ["web.test"]
    assert len(asked) == 1


async def test_redirects_on_the_host_are_followed(tmp_path: Path) -> None:
    async def answer(exchange: Exchange) -> None:
        moved = redirect("/new") if exchange.request.path == "/" else page(b"here")
        await moved(exchange)

    async with server(answer) as (tool, url, _):
        assert (await fetch(tool, url, tmp_path)).text == "here"


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("http://127.0.0.1/", "redirects to http://127.0.0.1/"),
        ("http://other.test/", "redirects to http://other.test/"),
        ("//other.test/", "redirects to http://other.test/"),
        ("file:///etc/passwd", "Only addresses"),
        ("http://a:b@web.test/", "password"),
        ("/", f"more than {MOST_REDIRECTS} times"),
    ],
)
async def test_other_redirects_are_not(tmp_path: Path, target: str, problem: str) -> None:
    async with server(redirect(target)) as (tool, url, asked):
        outcome = await fetch(tool, url, tmp_path)
    assert outcome.failed
    assert problem in outcome.text
    assert len(asked) <= MOST_REDIRECTS + 1


async def test_a_redirect_is_looked_up_again(tmp_path: Path) -> None:
    looked_up: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["10.0.0.1"]

    async with server(redirect("/new")) as (_, url, asked):
        tool = FetchUrl(rebinding, lambda address: address == "127.0.0.1")
        assert "not on the public internet" in (await fetch(tool, url, tmp_path)).text
    assert len(asked) == 1


async def test_size_is_limited(tmp_path: Path) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.start("text/plain")
        while True:
            await exchange.write(b"x" * 10_000)

    async with server(endless) as (tool, url, _):
        tool.size_limit = 50_000
        outcome = await fetch(tool, url, tmp_path)
        assert outcome.text == "x" * 50_000 + "\n[cut: only the first 50000 bytes were read]"
        outcome = await fetch(tool, url, tmp_path, result_limit=2000)
        assert len(outcome.text) < 2000
        assert "left out here" in outcome.text


async def test_time_is_limited(tmp_path: Path) -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.start("text/plain")
        await exchange.write(b"x")
        await anyio.sleep_forever()

    async with server(silent) as (tool, url, _):
        tool.seconds = 0.2
        outcome = await fetch(tool, url, tmp_path)
    assert outcome.failed
    assert "did not answer within 0.2 seconds" in outcome.text


async def test_proxies_of_the_environment_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with server(page(b"x")) as (tool, url, _):
        assert (await fetch(tool, url, tmp_path)).text == "x"


async def test_no_server_is_told(tmp_path: Path) -> None:
    async with server(page(b"x")) as (tool, url, _):
        pass
    outcome = await fetch(tool, url, tmp_path)
    assert "could not be fetched: ConnectError" in outcome.text


async def test_the_action_is_the_address_that_will_be_asked_for(tmp_path: Path) -> None:
    given = "HTTP://Web.Test:80/a b#c"
    prepared = await FetchUrl().prepare({"url": given}, make_workspace(tmp_path))
    assert isinstance(prepared, Prepared)
    assert prepared.action.kind == "fetch"
    assert prepared.action.url == "http://web.test/a%20b"
    assert FetchUrl().title({"url": given}) == f"Fetch {given}"
    assert prepared.title == "Fetch http://web.test/a%20b"


async def test_the_user_sees_the_whole_address(tmp_path: Path) -> None:
    url = f"https://g\u043e\u043egle.test/?{'q' * 900}secret"
    prepared = await FetchUrl().prepare({"url": url}, make_workspace(tmp_path))
    assert isinstance(prepared, Prepared)
    (shown,) = prepared.shown
    assert isinstance(shown, ShownText)
    assert shown.text.isascii()
    assert "secret\n" in shown.text
    assert prepared.title.isascii()
