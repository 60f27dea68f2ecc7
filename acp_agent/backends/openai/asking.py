"""Asking a server what it has.

Owns the requests of a look at a server, their time limits, and what went wrong as a sentence.
Does not own what the answers mean (``listing``) nor chat (``client``). Redirects are not
followed, so that a key reaches no other host.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio

from acp_agent.backends.http.connection import CLOSE_LIMIT, new_client
from acp_agent.backends.openai.endpoints import DEFAULT_KEY, DEFAULT_NAME, Endpoint
from acp_agent.backends.openai.listing import (
    Listed,
    Listing,
    add_details,
    add_loaded,
    add_props,
    read_listing,
)

if TYPE_CHECKING:
    import httpx2

ANSWER_LIMIT = 0.3
"""Seconds a server may take to answer at all before it counts as absent."""
DETAIL_LIMIT = 0.3
"""Seconds more in which it tells how large its models' windows are."""

_BODY_LIMIT = 8 * 1024 * 1024

FaultKind = Literal["absent", "silent", "starting", "denied", "foreign", "unusable"]
"""``absent``: nobody listens; ``silent``: no answer, or none in time; ``starting``: it is there
and not ready; ``denied``: it wants a key; ``foreign``: it is something else; ``unusable``: it
is configured so that it cannot be asked."""


@dataclass(slots=True, frozen=True)
class Fault:
    """Why a server gave no list of models, for a person to read."""

    kind: FaultKind
    reason: str


@dataclass(slots=True, frozen=True)
class Found:
    """What a server told. ``program`` names what it is, empty where it does not tell."""

    listing: Listing
    program: str = ""


@dataclass(slots=True, frozen=True)
class Reply:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReply(Exception):
    """The request was not answered."""


class Asker:
    """Sends the requests; keeps connections. The HTTP library is imported on first use."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx2.AsyncClient] = {}

    def open(self, endpoint: Endpoint) -> "httpx2.AsyncClient":
        """Makes ready for a server, so that imports take no time from it.

        Raises:
            NoReply: the address, or a proxy of the environment, cannot be used.
        """
        import httpx2

        if endpoint.url not in self._clients:
            try:
                self._clients[endpoint.url] = new_client(endpoint)
            except (httpx2.InvalidURL, ValueError, OSError):
                raise NoReply from None
        return self._clients[endpoint.url]

    async def get(self, endpoint: Endpoint, url: str) -> Reply:
        """The answer to ``GET url``, an address of the server of ``endpoint``.

        Raises:
            NoReply: the connection failed, or the answer is too long to be read.
        """
        import httpx2

        client = self.open(endpoint)
        body = bytearray()
        try:
            async with client.stream("GET", url, headers=endpoint.headers()) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _BODY_LIMIT:
                        raise NoReply
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError):
            # Without the cause: its text may quote what was sent.
            raise NoReply from None
        return Reply(response.status_code, dict(response.headers), bytes(body))

    async def aclose(self) -> None:
        """Closes the connections."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT):
            for client in self._clients.values():
                await client.aclose()
        self._clients.clear()


async def look(asker: Asker, endpoint: Endpoint, limit: float = ANSWER_LIMIT) -> Found | Fault:
    """What the server of ``endpoint`` has. Takes ``limit`` seconds and ``DETAIL_LIMIT``."""
    try:
        asker.open(endpoint)
    except NoReply:
        return Fault(
            "unusable",
            f"Endpoint {endpoint.name} cannot be asked: its address {endpoint.url}, or a proxy set "
            "in the environment (SOCKS is not supported), cannot be used. Correct it.",
        )
    reply = None
    with suppress(NoReply), anyio.move_on_after(limit):
        reply = await asker.get(endpoint, f"{endpoint.url}/models")
    if reply is None:
        return silent(endpoint)
    listing = read_listing(reply.body) if reply.status == 200 else None
    if listing is None and reply.status == 200 and not reply.body:
        # mlx_lm.server stumbles over a hub's cache that is not there.
        listing = Listing(())
    program = "" if listing is None else name_program(listing, reply.headers)
    if listing is None or not (reply.body or program == "mlx"):
        return _without_list(endpoint, reply.status)
    if program == "mlx":
        return Found(add_loaded(listing), program)
    return Found(await _with_details(asker, endpoint, listing, program), program)


def silent(endpoint: Endpoint, kind: Literal["absent", "silent"] = "silent") -> Fault:
    """Nobody answers at the address."""
    advice = (
        "Start its server, or choose another mode."
        if endpoint.is_loopback
        else "Check that it runs there and that its base_url is right."
    )
    return Fault(kind, f"Endpoint {endpoint.name} does not answer at {endpoint.url}. {advice}")


def name_program(listing: Listing, headers: Mapping[str, str]) -> str:
    """What the server is, from what it says of itself; empty where it says nothing."""
    if any(name.startswith("x-litellm") for name in headers):
        return "litellm"
    server = headers.get("server", "").lower()
    if listing.owner in _OWNERS:
        return _OWNERS[listing.owner]
    if "llama.cpp" in server:
        return "llamacpp"
    # mlx_lm.server is made of the standard library's, and names no owner.
    return "mlx" if server.startswith("basehttp/") and not listing.owner else ""


_OWNERS = {
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "sglang": "sglang",
    "exo": "exo",
    "llama-swap": "llama-swap",
    "local": "acp-agent",
    "organization_owner": "lmstudio",
    "organization-owner": "ray",
    "library": "ollama",
    "openai": "gateway",  # LiteLLM says so of every model
}


async def _with_details(
    asker: Asker, endpoint: Endpoint, listing: Listing, program: str
) -> Listing:
    """The windows of models where the list does not tell them, or only the trained ones."""
    root = endpoint.url.removesuffix("/v1")
    page = {"lmstudio": f"{root}/api/v0/models", "llamacpp": f"{root}/props"}.get(program)
    if page is None or all(each.context_size and not each.is_trained for each in listing.models):
        return listing
    with suppress(NoReply), anyio.move_on_after(DETAIL_LIMIT):
        reply = await asker.get(endpoint, page)
        if reply.status == 200:
            add = add_details if program == "lmstudio" else add_props
            return add(listing, reply.body)
    return listing


def _without_list(endpoint: Endpoint, status: int) -> Found | Fault:
    """An answer that is no list of models."""
    name, url = endpoint.name, endpoint.url
    if status in (401, 403, 407):
        return Fault("denied", _denied(endpoint))
    if status >= 500 or status == 429:
        return Fault(
            "starting",
            f"Endpoint {name} at {url} is not ready (HTTP {status}): it may be loading its model. "
            "Try again in a moment.",
        )
    if endpoint.model is not None:
        return Found(Listing((Listed(endpoint.model),)))
    return Fault(
        "foreign",
        f"What answers at {url} does not list models as OpenAI's API does. Check the base_url of "
        f"endpoint {name} (most servers want /v1 at its end), or name its model.",
    )


def _denied(endpoint: Endpoint) -> str:
    name, at = endpoint.name, f"Endpoint {endpoint.name} at {endpoint.url}"
    if endpoint.key is not None:
        return f"{at} refuses the key. Check the environment variable that holds it."
    if name == DEFAULT_NAME:
        return f"{at} asks for a key. Set {DEFAULT_KEY}."
    return f"{at} asks for a key. Name the variable that holds it as key_env in [endpoints.{name}]."
