"""A server on a free port of this machine that answers ``GET`` with pages the test wrote.

Owns pages, what was asked, and servers that come and go. Does not own HTTP
(``tests/fixtures/http_socket``).
"""

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from tests.fixtures.http_socket import Exchange, HttpRequest, serving

PATIENCE = 10.0
"""Seconds after which a test has failed."""


@dataclass(slots=True)
class Page:
    """An answer; ``value`` is JSON unless it is bytes. ``gate`` holds it back."""

    value: Any
    status: int = 200
    gate: anyio.Event | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class PageServer:
    """``pages`` by path, and the requests that came, in order."""

    pages: dict[str, Page] = field(default_factory=dict[str, Page])
    requests: list[HttpRequest] = field(default_factory=list[HttpRequest])
    port: int = 0
    release_at: int = 0
    """All answers wait until so many requests have come."""
    released: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncGenerator["PageServer"]:
        """Serves at ``port``, a free one by default."""

        async def answer(exchange: Exchange) -> None:
            self.requests.append(exchange.request)
            page = self.pages.get(exchange.request.path, Page(b"Not Found", 404))
            if len(self.requests) >= self.release_at:
                self.released.set()
            await self.released.wait()
            if page.gate is not None:
                await page.gate.wait()
            is_raw = isinstance(page.value, bytes)
            content = page.value if is_raw else json.dumps(page.value).encode()
            kind = "text/html" if is_raw else "application/json"
            lines = [kind, *(f"{name}: {value}" for name, value in page.headers.items())]
            await exchange.answer(page.status, content, "\r\n".join(lines))

        async with serving(answer, lambda: None, port=port) as self.port:
            yield self


def listing(*names: str, owner: str = "llamacpp", **more: Any) -> Page:
    """A list of models, each with ``more``."""
    entries = [{"id": name, "object": "model", "owned_by": owner, **more} for name in names]
    return Page({"object": "list", "data": entries})


def serve_models(*names: str, owner: str = "llamacpp", **more: Any) -> PageServer:
    """A server that lists ``names``."""
    return PageServer({"/v1/models": listing(*names, owner=owner, **more)})


def free_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return reserved.getsockname()[1]
