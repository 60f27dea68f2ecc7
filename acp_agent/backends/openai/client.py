"""Requests to one OpenAI-compatible server.

Owns sending a chat request and telling answers from refusals. Does not own connections
(``backends/http``), what is sent (``spelling``) nor what comes (``events``, ``stream``).

``X-Conversation-Id`` is never sent: llama.cpp goes on with such an answer after the
connection was closed. Redirects are not followed, so that a key reaches no other host.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import anyio

from acp_agent.backends.http.connection import (
    CLOSE_LIMIT,
    close,
    is_html,
    new_client,
    new_post,
    read_error,
    translated,
)
from acp_agent.backends.http.lines import ResponseLines
from acp_agent.backends.openai.endpoints import Endpoint
from acp_agent.backends.openai.events import EventStream
from acp_agent.backends.openai.faults import ConnectionFaults, Failed

if TYPE_CHECKING:
    import httpx2

_LLAMACPP = "llama.cpp"


class ChatClient:
    """Requests to the server at ``endpoint``; connections are kept and reused.

    ``is_llamacpp``: an answer said that it is llama.cpp's server.

    Raises:
        BackendUnavailable: the HTTP library cannot use the address or its proxy settings.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        import httpx2

        self.faults = ConnectionFaults(endpoint)
        self.is_llamacpp = False
        try:
            self._http = new_client(endpoint, headers=endpoint.headers())
        except (httpx2.InvalidURL, ValueError, OSError):
            # Not "from error": it may quote the key.
            raise self.faults.no_address() from None

    async def open(
        self, body: Mapping[str, object], *, first_limit: float, stall_limit: float
    ) -> EventStream:
        """Starts ``POST /chat/completions`` and returns the stream of its events.

        ``first_limit`` bounds the wait for the first of them in seconds. The caller moves the
        deadline on, and closes the stream.

        Raises:
            TimeoutError: ``first_limit`` passed.
            Failed: the server answered with an HTTP error.
            BackendError: no server, or a broken connection, or another kind of server.
        """
        deadline = anyio.current_time() + first_limit
        request = new_post(self._http, "/chat/completions", body)
        with anyio.fail_after(first_limit):
            response = await self._send(request)
        lines = ResponseLines(response, self.faults, deadline, stall_limit)
        return EventStream(lines, self.faults)

    async def aclose(self) -> None:
        """Closes all connections."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT):
            await self._http.aclose()

    async def _send(self, request: "httpx2.Request") -> "httpx2.Response":
        with translated(self.faults):
            response = await self._http.send(request, stream=True)
        self.is_llamacpp |= response.headers.get("server", "").lower() == _LLAMACPP
        if response.status_code == 200 and not is_html(response):
            return response
        try:
            raise await self._refusal(response)
        finally:
            await close(response)

    async def _refusal(self, response: "httpx2.Response") -> Exception:
        status = response.status_code
        if status < 400:
            return self.faults.no_api()
        content = await read_error(response, self.faults)
        return Failed("" if is_html(response) else _error_of(content), status)


def _error_of(content: bytes) -> object:
    """The error in the body of a refusal: of JSON its ``error``, else the text."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")
    if isinstance(answer, list) and answer:
        answer = cast("list[object]", answer)[0]
    if isinstance(answer, dict):
        fields = cast("dict[str, object]", answer)
        return fields.get("error") or (fields if fields else "")
    return content.decode("utf-8", "replace")
