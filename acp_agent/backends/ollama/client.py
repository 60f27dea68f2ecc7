"""Requests to an Ollama server.

Owns requests, the lines of streamed answers, and telling Ollama's refusals from others. Does
not own connections (``backends/http``), nor what the lines mean. Foreign exceptions end here.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, TypeVar, cast

import anyio

from acp_agent.backends.http.connection import (
    CLOSE_LIMIT,
    close,
    is_html,
    new_client,
    new_post,
    read_body,
    read_error,
    translated,
)
from acp_agent.backends.http.lines import ResponseLines
from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.endpoint import Endpoint
from acp_agent.errors import BackendUnavailable

if TYPE_CHECKING:
    import httpx2
    from pydantic import BaseModel

    Shape = TypeVar("Shape", bound=BaseModel)


class Refused(Exception):
    """The server answered with an HTTP error and Ollama's ``{"error": ...}``."""

    def __init__(self, status: int, error: object) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


class OllamaClient:
    """Requests to the server at ``endpoint``; connections are kept and reused."""

    def __init__(self, endpoint: Endpoint) -> None:
        import httpx2

        self.endpoint = endpoint
        self._faults = faults.ConnectionFaults(endpoint)
        login = endpoint.credentials
        self._http = new_client(endpoint, auth=httpx2.BasicAuth(*login) if login else None)

    async def get(self, path: str, shape: "type[Shape]") -> "Shape":
        """The answer to ``GET path``. Has no time limit of its own.

        Raises:
            Refused: an HTTP error with Ollama's JSON.
            BackendError: no server, no Ollama, or a broken connection.
        """
        return await self._call(self._http.build_request("GET", path), shape)

    async def post(self, path: str, body: Mapping[str, object], shape: "type[Shape]") -> "Shape":
        """The answer to ``POST path``; as ``get``."""
        return await self._call(new_post(self._http, path, body), shape)

    async def open_lines(
        self, path: str, body: Mapping[str, object], *, first_limit: float, stall_limit: float
    ) -> "LineStream":
        """Starts ``POST path`` and returns the stream of its lines.

        ``first_limit`` bounds the wait for the first line in seconds, ``stall_limit`` each
        wait for more bytes after it. The caller closes the stream.

        Raises:
            TimeoutError: ``first_limit`` passed.
            Refused, BackendError: as ``get``.
        """
        deadline = anyio.current_time() + first_limit
        request = new_post(self._http, path, body)
        with anyio.fail_after(first_limit):
            response = await self._send(request)
        return LineStream(response, self._faults, deadline, stall_limit)

    async def aclose(self) -> None:
        """Closes all connections."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT):
            await self._http.aclose()

    async def _call(self, request: "httpx2.Request", shape: "type[Shape]") -> "Shape":
        response = await self._send(request)
        try:
            content = await read_body(response, self._faults)
        finally:
            await close(response)
        try:
            return shape.model_validate_json(content)
        except ValueError:
            raise faults.not_ollama(self.endpoint) from None

    async def _send(self, request: "httpx2.Request") -> "httpx2.Response":
        with translated(self._faults):
            response = await self._http.send(request, stream=True)
        if response.status_code == 200 and not is_html(response):
            return response
        try:
            raise await _refusal(response, self.endpoint)
        finally:
            await close(response)


class LineStream(ResponseLines):
    """The lines of a streamed answer that are not blank; the first one ends the wait for it."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        line = await self.next_line()
        if line is None:
            raise StopAsyncIteration
        return line

    async def next_line(self) -> bytes | None:
        """The next line; None at the end of the stream.

        Raises:
            TimeoutError: the first line did not come in time.
            BackendError: the stream stalled or broke off, or a line is too long.
        """
        while (line := await super().next_line()) is not None:
            if line.strip():
                self.deadline = None
                return line
        return None


def open_client(endpoint: Endpoint) -> OllamaClient:
    """A client for ``endpoint``.

    Raises:
        BackendUnavailable: the HTTP library cannot use the address or its proxy settings.
    """
    import httpx2

    try:
        return OllamaClient(endpoint)
    except (httpx2.InvalidURL, ValueError, OSError) as error:
        raise BackendUnavailable(
            "The address of Ollama, or a proxy set in the environment, cannot be used. "
            "Check base_url in the [ollama] section."
        ) from error


async def _refusal(response: "httpx2.Response", endpoint: Endpoint) -> Exception:
    content = await read_error(response, faults.ConnectionFaults(endpoint))
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "error" not in answer:
        return faults.not_from_ollama(endpoint, response.status_code)
    return Refused(response.status_code, cast("dict[str, object]", answer)["error"])
