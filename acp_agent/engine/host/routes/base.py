"""What all routes share: the worker, the models' folder, and reading a request.

Owns noticing when the engine was last of use, and the bound on a request's size. Does
not own any route.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from acp_agent.engine.host.errors import bad_request
from acp_agent.engine.host.worker import Job, LoadJob

BODY_LIMIT = 64 * 2**20
"""Bytes of a request."""


class Work(Protocol):
    """The model's thread as the routes see it; ``worker.Worker`` is one.

    Every method returns at once. ``submit`` and ``request_load`` raise ``ApiError`` where
    the engine is leaving or too much waits.
    """

    def submit(self, job: Job) -> None: ...
    def withdraw(self, job: Job | LoadJob) -> None: ...
    def request_load(self, job: LoadJob) -> None: ...
    def request_unload(self, path: Path | None) -> None: ...
    def forget(self, key: str) -> None: ...
    def status(self) -> dict[str, Any]: ...


class Life(Protocol):
    """The process as the routes see it; both return at once."""

    def drain(self) -> None:
        """Takes no new request, answers those that are there, then leaves."""
        ...

    def stop(self) -> None:
        """Ends all answers and leaves."""
        ...


class Usage:
    """When a model was last asked for."""

    def __init__(self) -> None:
        self._requests = 0
        self._last_use = time.monotonic()

    @property
    def idle_since(self) -> float | None:
        """When the last request for a model ended (monotonic), None while one runs."""
        return None if self._requests else self._last_use

    def counted(self, app: ASGIApp) -> ASGIApp:
        """``app``, as a request for a model."""

        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            self._requests += 1
            try:
                await app(scope, receive, send)
            finally:
                self._requests -= 1
                self._last_use = time.monotonic()

        return count


@dataclass(slots=True, frozen=True)
class Context:
    """What the routes work on. ``models`` is the folder of installed models."""

    models: Path
    work: Work
    life: Life
    usage: Usage = field(default_factory=Usage)


async def read_body(request: Request) -> bytes:
    """The whole body of ``request``.

    Raises:
        ApiError: 400, it is longer than ``BODY_LIMIT``.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise bad_request(f"The request is longer than {BODY_LIMIT} bytes; send less.")
    return bytes(body)


async def read_text(request: Request, name: str) -> str | None:
    """Field ``name`` of the body of ``request``, None where it is absent or null.

    Raises:
        ApiError: 400, the body is no JSON object, or the field no text.
    """
    body = await read_body(request)
    try:
        fields: object = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise bad_request("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise bad_request("The body must be a JSON object.")
    value = cast("dict[str, Any]", fields).get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise bad_request(f"{name}: it must be a text, not empty.", param=name)
    return value


async def require_text(request: Request, name: str) -> str:
    """As ``read_text``, and the field must be there."""
    value = await read_text(request, name)
    if value is None:
        raise bad_request(f"{name}: the field is required.", param=name)
    return value
