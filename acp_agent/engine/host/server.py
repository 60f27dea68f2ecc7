"""The engine's HTTP routes.

Owns which request leads where, and noticing when the engine was last of use. Does not
own the listening socket (``process``) or the shape of answers (``responses``).
"""

import os
import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from acp_agent import __version__
from acp_agent.engine import PROTOCOL
from acp_agent.engine.host.api import Output, parse_request
from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.models import find_model, list_models
from acp_agent.engine.host.responses import Completion, error_response
from acp_agent.engine.host.runner import MlxRunner
from acp_agent.engine.host.worker import Job, Worker

BODY_LIMIT = 64 * 2**20
"""Bytes of a request."""


class Service:
    """The routes over one worker.

    Args:
        models: the folder of installed models.
    """

    def __init__(self, *, models: Path, runner: MlxRunner, worker: Worker) -> None:
        self._models = models
        self._runner = runner
        self._worker = worker
        self._requests = 0
        self._last_use = time.monotonic()

    @property
    def idle_since(self) -> float | None:
        """When the last request for a model ended (monotonic), None while one runs."""
        busy = self._requests or self._worker.active or self._worker.queued
        return None if busy else self._last_use

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/health", self._health),
            Route("/v1/models", self._list_models),
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
        ]
        handlers = {ApiError: _on_api_error, ClientDisconnect: _on_disconnect}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def _health(self, request: Request) -> Response:
        model, counters = self._runner.model, self._runner.counters
        return JSONResponse(
            {
                "status": "ok",
                "protocol": PROTOCOL,
                "version": __version__,
                "pid": os.getpid(),
                "model": model.name if model else None,
                "active_requests": self._worker.active,
                "queued_requests": self._worker.queued,
                "decoded_tokens": counters.decoded_tokens,
                "prefilled_tokens": counters.prefilled_tokens,
            }
        )

    async def _list_models(self, request: Request) -> Response:
        entries = [
            {"id": name, "object": "model", "created": 0, "owned_by": "local"}
            for name in list_models(self._models)
        ]
        return JSONResponse({"object": "list", "data": entries})

    async def _complete(self, request: Request) -> Response:
        chat = parse_request(await _read_body(request))
        folder = find_model(self._models, chat.model)
        channel: Channel[Output] = Channel()
        return _Counted(self, Completion(Job(chat, folder, channel), self._worker))

    def begin_request(self) -> None:
        """A request for a model starts."""
        self._requests += 1

    def end_request(self) -> None:
        """A request for a model has ended, however."""
        self._requests -= 1
        self._last_use = time.monotonic()


class _Counted(Response):
    """Keeps the engine from being idle while ``completion`` is sent."""

    def __init__(self, service: Service, completion: Completion) -> None:
        super().__init__()
        self._service = service
        self._completion = completion

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._service.begin_request()
        try:
            await self._completion(scope, receive, send)
        finally:
            self._service.end_request()


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise bad_request(f"The request is longer than {BODY_LIMIT} bytes; send less.")
    return bytes(body)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=499)
