"""``/v1/models``: those installed, and loading and unloading them.

Owns these routes and the metadata that they give. Does not own installing
(``acp_agent.models``) or loading (``worker``).
Objects: https://platform.openai.com/docs/api-reference/models/object
"""

from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from acp_agent.engine.folder import read_context_size
from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.chunks import LoadEncoder
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.models import find_model, list_models, locate_model
from acp_agent.engine.host.outputs import Output
from acp_agent.engine.host.responses import JobResponse
from acp_agent.engine.host.routes.base import Context, read_text, require_text
from acp_agent.engine.host.worker import LoadJob


def find_installed(folder: Path, name: str) -> Path:
    """The folder of the model installed below ``folder`` as ``name``; never another one.

    Raises:
        ApiError: 404, there is no such model.
    """
    if Path(name).is_absolute():
        message = "A model is named by its id here; `GET /v1/models` lists those installed."
        raise ApiError(404, "model_not_found", message, param="model")
    return find_model(folder, name)


class ModelRoutes:
    """Installed models. ``control`` routes load and unload them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """Routes that only tell."""
        return [
            Route("/v1/models", self._list),
            Route("/v1/models/{model}", self._show),
        ]

    def control(self) -> list[Route]:
        """Routes that change what is in memory."""
        return [
            Route("/v1/models/load", self._load, methods=["POST"]),
            Route("/v1/models/unload", self._unload, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        names = await anyio.to_thread.run_sync(list_models, self._context.models)
        return JSONResponse({"object": "list", "data": [await self._entry(name) for name in names]})

    async def _show(self, request: Request) -> Response:
        name = request.path_params["model"]
        find_installed(self._context.models, name)
        return JSONResponse(await self._entry(name))

    async def _entry(self, name: str) -> dict[str, object]:
        folder = self._context.models / name
        states = {model["id"]: model["state"] for model in self._context.work.status()["models"]}
        entry = await anyio.to_thread.run_sync(_describe, folder)
        return {"id": name, **entry, "state": states.get(name, "unloaded")}

    async def _load(self, request: Request) -> ASGIApp:
        context, name = self._context, await require_text(request, "model")
        channel: Channel[Output] = Channel()
        job = LoadJob(find_model(context.models, name), channel)
        submit = partial(context.work.request_load, job)
        withdraw = partial(context.work.withdraw, job)
        response = JobResponse(channel, LoadEncoder(name), submit=submit, withdraw=withdraw)
        return context.usage.counted(response)

    async def _unload(self, request: Request) -> Response:
        name = await read_text(request, "model")
        # Not looked up: what is in memory may be gone from the disk.
        path = None if name is None else locate_model(self._context.models, name)
        if path is not None and not path.is_dir() and path.parent == self._context.models:
            path = Path(path.name)  # the status names a folder elsewhere so
        self._context.work.request_unload(path)
        return JSONResponse({"unloading": name}, status_code=202)


def _describe(folder: Path) -> dict[str, Any]:
    try:
        created = int((folder / "config.json").stat().st_mtime)
    except OSError:  # removed just now
        created = 0
    return {
        "object": "model",
        "created": created,
        "owned_by": "local",
        "context_size": read_context_size(folder),
    }
