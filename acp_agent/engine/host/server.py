"""The engine's HTTP application.

Owns which routes stand behind which socket, and the answer to a request that fails.
Does not own the routes (``routes``), the sockets (``listening``) or who may come in over
TCP (``auth``): there a token opens what tells and what answers, while control of the
engine stays on the Unix socket.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from acp_agent.engine.host.auth import ByTransport, TokenGate
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.responses import error_response
from acp_agent.engine.host.routes.base import Context, Life, Work
from acp_agent.engine.host.routes.chat import ChatRoutes
from acp_agent.engine.host.routes.control import ControlRoutes
from acp_agent.engine.host.routes.models import ModelRoutes


class Service:
    """The routes over one worker.

    Args:
        models: the folder of installed models.
        life: what draining and stopping lead to.
    """

    def __init__(self, *, models: Path, worker: Work, life: Life) -> None:
        self._context = Context(models, worker, life)

    @property
    def idle_since(self) -> float | None:
        """When the last request for a model ended (monotonic), None while one runs."""
        return self._context.usage.idle_since

    def app(self, *, token: str | None = None, host: str = "") -> ASGIApp:
        """The ASGI application for ``listening.Server``.

        Args:
            token: what requests over TCP must carry; without one none is let in.
            host: the host that the user had us listen at over TCP.
        """
        control = ControlRoutes(self._context)
        models = ModelRoutes(self._context)
        told = [*control.routes(), *models.routes()]
        ours = [*ChatRoutes(self._context, is_guest=False).routes(), *told]
        ours += [*control.control(), *models.control()]
        guests = [*ChatRoutes(self._context, is_guest=True).routes(), *told]
        tcp = _refuse_all() if token is None else TokenGate(_app(guests), token, host=host)
        return ByTransport(_app(ours), tcp)


def _app(routes: list[Route]) -> Starlette:
    handlers = {
        ApiError: _on_api_error,
        ClientDisconnect: _on_disconnect,
        404: _on_unknown_route,
        405: _on_unknown_route,
        Exception: _on_failure,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


def _refuse_all() -> ASGIApp:
    return error_response(ApiError(403, "not_listening", "The engine serves its socket only."))


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _on_unknown_route(request: Request, error: Exception) -> Response:
    # Also for a route that has other methods: over TCP it may be one of control.
    message = f"There is no {request.method} {request.url.path} here; see the engine's page."
    return error_response(ApiError(404, "not_found", message))


async def _on_failure(request: Request, error: Exception) -> Response:
    message = "The engine failed at this request; its log has the reason."
    return error_response(ApiError(500, "internal_error", message))
