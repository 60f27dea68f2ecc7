"""The HTTP connection to a model's server.

Owns how a client is set up, what its exceptions become, and reading a bounded body. Does not
own requests, nor what answers mean. Foreign exceptions end here.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

from acp_agent.errors import BackendError

if TYPE_CHECKING:
    import httpx2

CLOSE_LIMIT = 1.0
"""Seconds that closing a connection may take."""
ERROR_LIMIT = 5.0
"""Seconds that the body of an error may take."""
BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a body that is read whole."""

_CONNECT_LIMIT = 5.0


class Place(Protocol):
    """Where a server answers; ``url`` is fit to be shown."""

    @property
    def url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def is_loopback(self) -> bool: ...


class Faults(Protocol):
    """A server's faults in words."""

    def unavailable(self) -> BackendError:
        """Nothing answers at the address."""
        ...

    def broken_off(self) -> BackendError:
        """The connection ended before the answer did."""
        ...

    def stalled(self, seconds: float) -> BackendError:
        """Nothing came for so long in the middle of an answer."""
        ...

    def too_long(self, limit: int) -> BackendError:
        """A line, or a body, has more than ``limit`` bytes."""
        ...


def new_client(
    place: Place,
    *,
    auth: "httpx2.BasicAuth | None" = None,
    headers: Mapping[str, str] | None = None,
) -> "httpx2.AsyncClient":
    """A client for the server at ``place``; connections are kept and reused.

    Raises:
        httpx2.InvalidURL, ValueError, OSError: the address, or the proxy settings of the
            environment, cannot be used (SOCKS needs a package that is not installed).
    """
    import ssl

    import httpx2

    # Proxies of the environment are for other machines, and loading certificates takes
    # longer than the whole request to a local server.
    verify: ssl.SSLContext | bool = True
    if place.is_loopback:
        is_plain = place.url.startswith("http:")
        # The second heeds SSL_CERT_FILE, which the library does only together with proxies.
        verify = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else ssl.create_default_context()
        )
    try:
        return httpx2.AsyncClient(
            base_url=place.url,
            auth=auth,
            trust_env=not place.is_loopback,
            verify=verify,
            timeout=httpx2.Timeout(None, connect=_CONNECT_LIMIT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=4),
            headers={"User-Agent": "acp-agent", "Accept-Encoding": "identity", **(headers or {})},
        )
    except ImportError:
        raise ValueError("the proxy is of a kind that is not supported") from None


def new_post(
    client: "httpx2.AsyncClient", path: str, body: Mapping[str, object]
) -> "httpx2.Request":
    """A ``POST`` of ``body`` as JSON. Halves of characters, as models and file names may have
    them, are replaced: no server takes them."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": "application/json"}
    return client.build_request(
        "POST", path, content=content.encode("utf-8", "replace"), headers=headers
    )


async def is_listening(place: Place) -> bool:
    """Whether a connection to the port of a server on this machine is accepted.

    Costs a millisecond where importing an HTTP library costs a hundred, which a machine
    without the server is spared. For a server elsewhere (perhaps behind a proxy): True.
    """
    if not place.is_loopback:
        return True
    try:
        stream = await anyio.connect_tcp(place.host, place.port)
    except OSError:
        return False
    await stream.aclose()
    return True


@contextmanager
def translated(faults: Faults) -> Generator[None]:
    """Makes the HTTP library's exceptions ``faults``.

    Raises:
        BackendError: in their place.
    """
    import httpx2

    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise faults.unavailable() from error
    except httpx2.HTTPError as error:
        raise faults.broken_off() from error


async def read_body(response: "httpx2.Response", faults: Faults) -> bytes:
    """The whole body of ``response``. Has no time limit of its own.

    Raises:
        BackendError: the connection broke off, or the body has more than ``BODY_LIMIT`` bytes.
    """
    content = bytearray()
    with translated(faults):
        async with aclosing(response.aiter_bytes()) as chunks:
            async for data in chunks:
                content += data
                if len(content) > BODY_LIMIT:
                    raise faults.too_long(BODY_LIMIT)
    return bytes(content)


async def read_error(response: "httpx2.Response", faults: Faults) -> bytes:
    """The body of an HTTP error, or nothing where it cannot be read in time."""
    try:
        with anyio.move_on_after(ERROR_LIMIT):
            return await read_body(response, faults)
    except BackendError:
        pass
    return b""


async def close(response: "httpx2.Response") -> None:
    """Closes the connection unless the body was read to its end; waits for nobody."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT):
        await response.aclose()


def is_html(response: "httpx2.Response") -> bool:
    """Whether ``response`` is a page for people."""
    return "html" in response.headers.get("content-type", "")
