"""HTTP answers to jobs: streamed or whole, for as long as the client listens.

Owns watching for the client's disconnect and withdrawing the job with it, and which
errors are a status and which an event. Does not own the job (``worker``) or the shape of
what is sent (``chunks``). A stream is read from the job's channel no faster than the
client takes it; what the model then does with the job is the worker's to decide.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.chunks import Collector
from acp_agent.engine.host.errors import ApiError, shutting_down
from acp_agent.engine.host.outputs import Failed, Finished, Output

_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]

Respond = Callable[[JSONResponse], Awaitable[None]]


class Encoder(Protocol):
    """Outputs as server-sent events."""

    @property
    def ending(self) -> bytes | None:
        """The events for a job that ends without a last word; None where it must have one."""
        ...

    def begin(self) -> bytes:
        """What comes before the first event."""
        ...

    def encode(self, output: Output) -> bytes:
        """The events for ``output``, empty for none."""
        ...


class JobResponse:
    """An ASGI response that runs a job while the client listens.

    Args:
        channel: where the job's outputs come from.
        submit: starts the job; may raise ``ApiError``.
        withdraw: ends it, however far it is; called in any case once it was submitted.
        sink: streams events where it is an ``Encoder``, else gathers one object.
    """

    def __init__(
        self,
        channel: Channel[Output],
        sink: Encoder | Collector,
        *,
        submit: Callable[[], None],
        withdraw: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._sink = sink
        self._submit = submit
        self._withdraw = withdraw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer; returns early when the client leaves."""

        async def respond(response: JSONResponse) -> None:
            await response(scope, receive, send)

        try:
            self._submit()
        except ApiError as error:
            await respond(error_response(error))
            return
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope)
                if isinstance(self._sink, Collector):
                    await self._send_whole(self._sink, respond)
                else:
                    await self._stream(self._sink, respond, send)
                group.cancel_scope.cancel()
        finally:
            self._withdraw()

    async def _stream(self, encoder: Encoder, respond: Respond, send: Send) -> None:
        begun, ended = False, False
        while not ended:
            outputs, body = await self._channel.receive(), b""
            if not outputs and encoder.ending is not None and not self._channel.abandoned:
                ended, body = True, encoder.ending
            elif not outputs:
                outputs = [Failed(shutting_down())]
            for output in outputs:
                ended = isinstance(output, Finished | Failed)
                if isinstance(output, Failed) and not (begun or body):
                    await respond(error_response(output.error))
                    return
                body += encoder.encode(output)
            if body and not begun:
                begun, body = True, encoder.begin() + body
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": not ended})

    async def _send_whole(self, collector: Collector, respond: Respond) -> None:
        while True:
            for output in await self._channel.receive() or [Failed(shutting_down())]:
                if isinstance(output, Failed):
                    await respond(error_response(output.error))
                    return
                if isinstance(output, Finished):
                    await respond(JSONResponse(collector.completion(output)))
                    return
                collector.add(output)


def error_response(error: ApiError) -> JSONResponse:
    """``error`` as a whole HTTP answer."""
    return JSONResponse(error.body(), status_code=error.status)


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
