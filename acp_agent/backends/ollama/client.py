"""The HTTP connection to an Ollama server.

Owns requests, time limits, streaming line by line and closing at once when nobody
listens. Does not own what the lines mean. Foreign exceptions end here.

Nothing is read ahead of the consumer but what the socket's buffers hold.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Self, TypeVar, cast

import anyio

from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.endpoint import Endpoint
from acp_agent.engine.lines import LineBuffer, LineTooLong
from acp_agent.errors import BackendError, BackendUnavailable

if TYPE_CHECKING:
    import httpx2
    from pydantic import BaseModel

    Shape = TypeVar("Shape", bound=BaseModel)

LINE_LIMIT = 16 * 1024 * 1024
"""Bytes of one line; a longer one is refused."""

_CONNECT_LIMIT = 5.0
_ERROR_LIMIT = 5.0
_CLOSE_LIMIT = 1.0
_BODY_LIMIT = 64 * 1024 * 1024


class Refused(Exception):
    """The server answered with an HTTP error and Ollama's ``{"error": ...}``."""

    def __init__(self, status: int, error: object) -> None:
        super().__init__(status)
        self.status = status
        self.error = error


class OllamaClient:
    """Requests to the server at ``endpoint``; connections are kept and reused."""

    def __init__(self, endpoint: Endpoint) -> None:
        import ssl

        import httpx2

        self.endpoint = endpoint
        # Proxies of the environment are for other machines, and loading certificates
        # takes longer than the whole request to a local server.
        plain = endpoint.is_loopback and endpoint.url.startswith("http:")
        self._http = httpx2.AsyncClient(
            base_url=endpoint.url,
            auth=httpx2.BasicAuth(*endpoint.credentials) if endpoint.credentials else None,
            trust_env=not endpoint.is_loopback,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
            timeout=httpx2.Timeout(None, connect=_CONNECT_LIMIT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=4),
            headers={"User-Agent": "acp-agent", "Accept-Encoding": "identity"},
        )

    async def get(self, path: str, shape: "type[Shape]") -> "Shape":
        """The answer to ``GET path``. Has no time limit of its own.

        Raises:
            Refused: an HTTP error with Ollama's JSON.
            BackendError: no server, no Ollama, or a broken connection.
        """
        return await self._call(self._http.build_request("GET", path), shape)

    async def post(self, path: str, body: Mapping[str, object], shape: "type[Shape]") -> "Shape":
        """The answer to ``POST path``; as ``get``."""
        return await self._call(self._http.build_request("POST", path, json=dict(body)), shape)

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
        request = self._http.build_request("POST", path, json=dict(body))
        with anyio.fail_after(first_limit):
            response = await self._send(request)
        return LineStream(response, self.endpoint, deadline, stall_limit)

    async def aclose(self) -> None:
        """Closes all connections."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT):
            await self._http.aclose()

    async def _call(self, request: "httpx2.Request", shape: "type[Shape]") -> "Shape":
        response = await self._send(request)
        try:
            content = await _read_body(response, self.endpoint)
        finally:
            await _close(response)
        try:
            return shape.model_validate_json(content)
        except ValueError:
            raise faults.not_ollama(self.endpoint) from None

    async def _send(self, request: "httpx2.Request") -> "httpx2.Response":
        with _translated(self.endpoint):
            response = await self._http.send(request, stream=True)
        if response.status_code == 200 and not _is_html(response):
            return response
        try:
            raise await _refusal(response, self.endpoint)
        finally:
            await _close(response)


class LineStream:
    """The lines of a streamed answer, pulled one at a time."""

    def __init__(
        self, response: "httpx2.Response", endpoint: Endpoint, deadline: float, stall_limit: float
    ) -> None:
        self._response = response
        self._endpoint = endpoint
        self._first_deadline: float | None = deadline
        self._stall_limit = stall_limit
        self._chunks = response.aiter_bytes()
        self._buffer = LineBuffer(LINE_LIMIT)
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        line = await self.next_line()
        if line is None:
            raise StopAsyncIteration
        return line

    async def next_line(self) -> bytes | None:
        """The next line that is not blank; None at the end of the stream.

        Raises:
            TimeoutError: the first line did not come in time.
            BackendError: the stream stalled or broke off, or a line is too long.
        """
        try:
            while True:
                line = self._buffer.pop()
                if line is None and self._ended:
                    return self._buffer.rest().strip() or None
                if line is None:
                    await self._read()
                elif line.strip():
                    self._first_deadline = None
                    return line
        except LineTooLong:
            raise faults.line_too_long(LINE_LIMIT) from None

    async def aclose(self) -> None:
        """Closes the connection unless the answer was read to its end; waits for nobody."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT):
            await self._chunks.aclose()
            await self._response.aclose()

    async def _read(self) -> None:
        waits_for_first = self._first_deadline is not None
        limit = self._stall_limit
        if self._first_deadline is not None:
            limit = max(0.0, self._first_deadline - anyio.current_time())
        try:
            with _translated(self._endpoint), anyio.fail_after(limit):
                data = await anext(self._chunks, None)
        except TimeoutError:
            if waits_for_first:
                raise
            raise faults.stalled(self._stall_limit) from None
        if data is None:
            self._ended = True
        else:
            self._buffer.feed(data)


async def is_listening(endpoint: Endpoint) -> bool:
    """Whether a connection to the port of a server on this machine is accepted.

    Costs a millisecond where importing an HTTP library costs a hundred, which a machine
    without Ollama is spared. For a server elsewhere (perhaps behind a proxy): True.
    """
    if not endpoint.is_loopback:
        return True
    try:
        stream = await anyio.connect_tcp(endpoint.host, endpoint.port)
    except OSError:
        return False
    await stream.aclose()
    return True


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


@contextmanager
def _translated(endpoint: Endpoint) -> Generator[None]:
    import httpx2

    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise faults.unavailable(endpoint) from error
    except httpx2.HTTPError as error:
        raise faults.broken_off(endpoint) from error


async def _read_body(response: "httpx2.Response", endpoint: Endpoint) -> bytes:
    content = bytearray()
    with _translated(endpoint):
        async with aclosing(response.aiter_bytes()) as chunks:
            async for data in chunks:
                content += data
                if len(content) > _BODY_LIMIT:
                    raise faults.not_ollama(endpoint)
    return bytes(content)


async def _refusal(response: "httpx2.Response", endpoint: Endpoint) -> Exception:
    content = b""
    try:
        with anyio.move_on_after(_ERROR_LIMIT):
            content = await _read_body(response, endpoint)
    except BackendError:
        content = b""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "error" not in answer:
        return faults.not_from_ollama(endpoint, response.status_code)
    return Refused(response.status_code, cast("dict[str, object]", answer)["error"])


async def _close(response: "httpx2.Response") -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT):
        await response.aclose()


def _is_html(response: "httpx2.Response") -> bool:
    return "html" in response.headers.get("content-type", "")
