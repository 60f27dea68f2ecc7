"""The engine's health and status, and the user's control of it.

Owns these routes. Does not own the figures (``worker``) or leaving (``process``).
"""

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from acp_agent import __version__
from acp_agent.engine import PROTOCOL
from acp_agent.engine.host.routes.base import Context, require_text

_HEALTH = (
    "state",
    "draining",
    "active_requests",
    "queued_requests",
    "decoded_tokens",
    "prefilled_tokens",
    "cached_tokens",
)


class ControlRoutes:
    """What the engine is and does. ``control`` routes end it, or part of what it keeps."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """Routes that only tell."""
        return [
            Route("/health", self._health),
            Route("/v1/engine/status", self._status),
        ]

    def control(self) -> list[Route]:
        """Routes that change something."""
        return [
            Route("/v1/engine/drain", self._drain, methods=["POST"]),
            Route("/v1/engine/stop", self._stop, methods=["POST"]),
            Route("/v1/caches/forget", self._forget, methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        status = self._context.work.status()
        models = [model["id"] for model in status["models"]]
        figures = {key: status[key] for key in _HEALTH}
        return JSONResponse({"status": "ok", **_identity(), "models": models, **figures})

    async def _status(self, request: Request) -> Response:
        return JSONResponse({**_identity(), **self._context.work.status()})

    async def _drain(self, request: Request) -> Response:
        self._context.life.drain()
        return JSONResponse({"draining": True, "pid": os.getpid()}, status_code=202)

    async def _stop(self, request: Request) -> Response:
        self._context.life.stop()
        return JSONResponse({"stopping": True, "pid": os.getpid()}, status_code=202)

    async def _forget(self, request: Request) -> Response:
        key = await require_text(request, "prompt_cache_key")
        self._context.work.forget(key)
        return JSONResponse({"forgotten": key}, status_code=202)


def _identity() -> dict[str, Any]:
    return {"protocol": PROTOCOL, "version": __version__, "pid": os.getpid()}
