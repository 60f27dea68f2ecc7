"""``POST /v1/chat/completions``.

Owns making a job of a request, and how many of them come over TCP at a time. Does not own
what a request may say (``requests``) or the answer (``responses``, ``chunks``).
"""

from functools import partial
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.chunks import ChunkEncoder, Collector
from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.outputs import Output
from acp_agent.engine.host.requests import ChatRequest, parse_request
from acp_agent.engine.host.responses import JobResponse, error_response
from acp_agent.engine.host.routes.base import Context, read_body
from acp_agent.engine.host.routes.models import find_installed, find_model
from acp_agent.engine.host.worker import Job

GUEST_REQUESTS = 16
"""Over TCP, read or answered at a time; more could fill the worker's queue, and the editors
would be turned away."""

_GUEST = "tcp:"
"""Begins the cache keys and client names of requests over TCP, which must not be mistaken
for an editor's."""


class ChatRoutes:
    """Answers.

    Args:
        is_guest: whether the requests come over TCP: only installed models answer then,
            no other folder, and no session of an editor's is touched.
    """

    def __init__(self, context: Context, *, is_guest: bool) -> None:
        self._context = context
        self._is_guest = is_guest

    def routes(self) -> list[Route]:
        """The routes."""
        limits = [Middleware(_AtMost, GUEST_REQUESTS)] if self._is_guest else []
        path = "/v1/chat/completions"
        return [Route(path, self._complete, methods=["POST"], middleware=limits)]

    async def _complete(self, request: Request) -> ASGIApp:
        context, chat = self._context, parse_request(await read_body(request))
        folder = self._find(chat)
        channel: Channel[Output] = Channel()
        job = Job(_as_guest(chat) if self._is_guest else chat, folder, channel)
        sink = ChunkEncoder(chat) if chat.stream else Collector(chat)
        submit, withdraw = partial(context.work.submit, job), partial(context.work.withdraw, job)
        return context.usage.counted(JobResponse(channel, sink, submit=submit, withdraw=withdraw))

    def _find(self, chat: ChatRequest) -> Path:
        """The model's folder; of OpenMythos, which has none, the variant's name.

        Raises:
            ApiError: 404, there is no such model; 400, a guest may not have it.
        """
        if chat.mythos is None:
            find = find_installed if self._is_guest else find_model
            return find(self._context.models, chat.model)
        if self._is_guest:
            message = "OpenMythos models answer on the engine's own socket only; leave mythos out."
            raise bad_request(message, param="mythos")
        return Path(chat.model)


class _AtMost:
    """Lets at most ``limit`` requests at a time through to ``app``, before they are read."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= self._limit:
            message = (
                f"{self._limit} requests over TCP are being answered, which is the limit; send "
                "this one again when one of them has ended."
            )
            error = ApiError(429, "too_many_requests", message)
            await error_response(error)(scope, receive, send)
            return
        self._requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1


def _as_guest(chat: ChatRequest) -> ChatRequest:
    key = chat.prompt_cache_key
    names = {"prompt_cache_key": key and _GUEST + key, "user": _GUEST + (chat.user or "")}
    return chat.model_copy(update=names)
