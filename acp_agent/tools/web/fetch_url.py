"""The tool ``fetch_url``: the text of a public web page.

Owns where it may connect, redirects, and the limits of size and time. Does not own which
addresses are public (``addresses``), reading HTML (``page_text``), nor whether the user
allows it (``acp_agent.permissions``). It sends no cookies and uses no proxy: what it gets
is what anybody would get.
"""

import codecs
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.tools.actions import Action
from acp_agent.tools.base import Arguments, Editor, Kind, Outcome, Prepared, read_arguments
from acp_agent.tools.commands.terminal_text import clean, code_block, make_visible, shorten
from acp_agent.tools.shown import ShownText
from acp_agent.tools.web.addresses import is_public
from acp_agent.tools.web.page_text import page_text
from acp_agent.tools.workspace import Workspace

if TYPE_CHECKING:
    from httpx2 import URL, Response

SIZE_LIMIT = 2 * 1024 * 1024
"""Bytes that are read of an answer."""
MOST_SECONDS = 20.0
"""For all of it: names, redirects, content."""
MOST_REDIRECTS = 5
_REST = 512
_TITLE_LIMIT = 200

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEXTS = ("text/", "application/json", "application/xml", "application/javascript",
          "application/yaml", "application/x-yaml", "application/toml")  # fmt: skip
_HTML = ("text/html", "application/xhtml+xml")
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Python's codecs that no page is written in; some take quadratic time."""
_HEADERS = {
    "Accept": "text/html, text/*;q=0.9, application/json;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",
    "User-Agent": "acp-agent",
}

Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Refused(Exception):
    """It is not fetched; the text is a sentence for the model."""


async def _look_up(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


class FetchUrlArguments(Arguments):
    """The arguments of ``fetch_url``."""

    url: str = Field(min_length=1, max_length=4000)


@dataclass(slots=True)
class FetchUrl:
    """Fetches pages. Implements ``RunnableTool``.

    ``resolve`` gives the addresses of a host; ``is_allowed`` says which may be connected to.
    """

    resolve: Resolve = _look_up
    is_allowed: Callable[[str], bool] = is_public
    seconds: float = MOST_SECONDS
    size_limit: int = SIZE_LIMIT
    kind: Kind = field(default="fetch", init=False)
    tool: Tool = field(
        default=Tool(
            "fetch_url",
            "Get the text of a public web page.",
            {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
        ),
        init=False,
    )

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        url = arguments.get("url")
        return f"Fetch {make_visible(url)[:_TITLE_LIMIT]}" if isinstance(url, str) else "Fetch"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        given = read_arguments(FetchUrlArguments, arguments)
        if isinstance(given, Outcome):
            return given
        try:
            url = _parse(given.url)
        except _Refused as refused:
            return Outcome(str(refused), failed=True)
        limit = max(1, workspace.result_limit - _REST)
        # The parsed address, as it will be asked for: what is allowed is what is done.
        shown = ShownText(code_block(make_visible(str(url))))
        return Prepared(
            Action("fetch", url=str(url)),
            partial(self._run, url, limit),
            title=self.title({"url": str(url)}),
            shown=(shown,),
        )

    async def _run(self, url: "URL", limit: int, editor: Editor) -> Outcome:
        with anyio.move_on_after(self.seconds) as scope:
            try:
                text = await self._fetch(url)
            except _Refused as refused:
                return Outcome(str(refused), failed=True)
            size = len(text.encode("utf-8", "replace"))
            note = ShownText(f"{size} bytes of text.")
            return Outcome(shorten(text, limit) or "[The page has no text.]", shown=(note,))
        assert scope.cancelled_caught
        return Outcome(f"{url} did not answer within {self.seconds:g} seconds.", failed=True)

    async def _fetch(self, url: "URL") -> str:
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._get(url)
            if isinstance(found, str):
                return found
            if (found.host, found.scheme) != (url.host, url.scheme) and not _is_upgrade(url, found):
                # Allowed was this host, not any that it names.
                raise _Refused(f"{url} redirects to {found}: fetch that if it is what you want.")
            url = found
        raise _Refused(f"{url} redirects more than {MOST_REDIRECTS} times.")

    async def _get(self, url: "URL") -> "str | URL":
        """The text at ``url``, or where it redirects to."""
        import httpx2

        address = await self._address(url)
        pinned = url.copy_with(host=address)
        async with AsyncExitStack() as stack:
            client = httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=None)
            try:
                await stack.enter_async_context(client)
                answer = await stack.enter_async_context(
                    client.stream(
                        "GET",
                        pinned,
                        headers={**_HEADERS, "Host": url.netloc.decode("ascii")},
                        extensions={"sni_hostname": url.raw_host.decode("ascii")},
                    )
                )
                return await self._read(url, answer)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                raise _Refused(f"{url} could not be fetched: {type(error).__name__}.") from error

    async def _address(self, url: "URL") -> str:
        """The one address to connect to, looked up once: a second answer could differ."""
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self.resolve(url.raw_host.decode("ascii").strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise _Refused(f"There is no host {url.host!r}.") from error
        if not found or not all(map(self.is_allowed, found)):
            raise _Refused(f"{url.host!r} is not on the public internet: it is not fetched.")
        return found[0]

    async def _read(self, url: "URL", answer: "Response") -> "str | URL":
        if answer.status_code in _REDIRECTS and "location" in answer.headers:
            return _parse(answer.headers["location"], url)
        if answer.status_code != 200:
            raise _Refused(f"{url} answers with status {answer.status_code}.")
        kind = answer.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
        if not kind.startswith(_TEXTS) and not kind.endswith(("+json", "+xml")):
            raise _Refused(f"{url} is {make_visible(kind)[:80]}, no text.")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise _Refused(f"{url} sends compressed content only, which is not read.")
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) >= self.size_limit:
                break
        text = bytes(content[: self.size_limit]).decode(_charset(answer), "replace")
        text = page_text(text) if kind in _HTML else clean(text)
        if len(content) >= self.size_limit:
            text += f"\n[cut: only the first {self.size_limit} bytes were read]"
        return text


def _charset(answer: "Response") -> str:
    name = answer.charset_encoding or "utf-8"
    try:
        "".encode(name)
        is_real = codecs.lookup(name).name.replace("_", "-") not in _NO_CHARSETS
    except (LookupError, ValueError):
        return "utf-8"
    return name if is_real else "utf-8"


def _has_port(url: "URL") -> bool:
    return url.port is None or 0 < url.port < 65536


def _is_upgrade(url: "URL", found: "URL") -> bool:
    return found.host == url.host and (url.scheme, found.scheme) == ("http", "https")


def _parse(text: str, base: "URL | None" = None) -> "URL":
    """The address in ``text``.

    Raises:
        _Refused: it is not one of the web, or carries a password.
    """
    import httpx2

    try:
        url = httpx2.URL(text) if base is None else base.join(text)
        is_web = url.scheme in ("http", "https") and bool(url.host) and _has_port(url)
    except (httpx2.InvalidURL, ValueError, UnicodeError) as error:
        raise _Refused(
            "The url cannot be read; it must be one such as https://example.org/page."
        ) from error
    if not is_web:
        raise _Refused("Only addresses of the web are fetched, such as https://example.org/page.")
    if url.userinfo:
        raise _Refused("Addresses with a user name or password are not fetched.")
    return url.copy_with(fragment=None)
