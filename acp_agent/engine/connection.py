"""HTTP over the engine's Unix domain socket.

Owns connecting, short calls, opening a stream and reading its events without reading
ahead, and turning failures into ``BackendError``s. Does not own which requests there are
or that an engine runs (``client``). Cancelling, or closing a stream, closes the
connection, and the engine stops before its next token.
"""

import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acp_agent.engine.sse import EventReader
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow, ModelNotInstalled

if TYPE_CHECKING:
    from httpcore2 import AsyncConnectionPool, Response

HEALTH_TIMEOUT = 10.0
"""Seconds; the engine answers a short call beside its work, so more means it hangs."""

_URL = "http://engine"
_ERROR_LIMIT = 2**20
_UNKNOWN_ROUTE = (None, "not_found", "method_not_allowed")


class EngineLeaving(BackendUnavailable):
    """The engine takes nothing new because it is about to end; the next one can answer."""


class RouteMissing(BackendError):
    """The engine does not have this route; it is of another version."""


def connect(socket: Path) -> "AsyncConnectionPool":
    """Connections to the engine at ``socket``; made when they are needed."""
    from httpcore2 import AsyncConnectionPool

    from acp_agent.engine.unix_stream import UnixBackend

    return AsyncConnectionPool(uds=str(socket), network_backend=UnixBackend())


async def ask_health(pool: "AsyncConnectionPool") -> dict[str, Any] | None:
    """What the running engine says of itself, None where none runs.

    Raises:
        BackendUnavailable: it does not answer in time.
    """
    from httpcore2 import NetworkError, ProtocolError

    try:
        response = await _request(pool, "GET", "/health", None)
        health = json.loads(response.content)
    except (NetworkError, ProtocolError, ValueError):
        return None
    return health if isinstance(health, dict) else None  # pyright: ignore[reportUnknownVariableType]


async def call(
    pool: "AsyncConnectionPool",
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
) -> dict[str, Any] | None:
    """The JSON object that answers a short request, None where no engine runs.

    Raises:
        RouteMissing: the engine does not know ``path``.
        BackendUnavailable: it does not answer in time.
        BackendError: it refused.
    """
    from httpcore2 import NetworkError, ProtocolError

    try:
        response = await _request(pool, method, path, body)
    except (NetworkError, ProtocolError):
        return None
    if response.status >= 400:
        error = _read_error(response.content, response.status)
        if response.status in (404, 405) and error.get("code") in _UNKNOWN_ROUTE:
            raise RouteMissing("The running engine is of another version and cannot do this.")
        raise translate(error)
    try:
        return json.loads(response.content or b"{}")
    except ValueError:
        return {}


async def send(pool: "AsyncConnectionPool", path: str, body: Mapping[str, object]) -> "Response":
    """The response to a ``POST`` of ``body``, open; its status is 200.

    Raises:
        EngineLeaving: the engine takes nothing new, or has gone since it was asked.
        BackendError: the engine refused, failed or ended.
    """
    from httpcore2 import ConnectError, NetworkError, ProtocolError, Request

    content = json.dumps(body).encode()
    request = Request("POST", f"{_URL}{path}", headers=_headers(content), content=content)
    try:
        response = await pool.handle_async_request(request)
    except ConnectError:
        raise EngineLeaving("The engine has just left; send the prompt again.") from None
    except (NetworkError, ProtocolError) as error:
        raise _ended() from error
    if response.status != 200:
        raise translate(_read_error(await _read_body(response), response.status))
    return response


async def read_events(response: "Response") -> AsyncGenerator[dict[str, Any], None]:
    """The JSON objects of the server-sent events of ``response`` up to ``[DONE]``.

    Raises:
        BackendError: an event reports one, or the stream breaks off.
    """
    from httpcore2 import NetworkError, ProtocolError

    events = EventReader()
    try:
        async with aclosing(response.aiter_stream()) as parts:
            async for part in parts:
                for event in events.feed(part):
                    if event == b"[DONE]":
                        return
                    chunk = json.loads(event)
                    if "error" in chunk:
                        raise translate(chunk["error"])
                    yield chunk
    except (NetworkError, ProtocolError, ValueError) as error:
        raise _ended() from error
    raise _ended()


def translate(error: Mapping[str, Any]) -> BackendError:
    """The engine's error object as one of our errors."""
    message = str(error.get("message", "The engine failed; try again."))
    match error.get("code"):
        case "model_not_found":
            return ModelNotInstalled(message, model="")
        case "context_length_exceeded":
            return ContextOverflow(message)
        case "engine_stopping":
            return EngineLeaving("The engine was told to leave; send the prompt again.")
        case "memory_short" | "engine_busy":
            return BackendUnavailable(message)
        case _:
            return BackendError(message)


async def _request(
    pool: "AsyncConnectionPool",
    method: str,
    path: str,
    body: Mapping[str, object] | None,
) -> "Response":
    from httpcore2 import ConnectError, TimeoutException

    if sys.platform == "win32":
        raise ConnectError("there is no engine on Windows")
    content = b"" if body is None else json.dumps(body).encode()
    limits = dict.fromkeys(("connect", "read", "write", "pool"), HEALTH_TIMEOUT)
    try:
        return await pool.request(
            method,
            f"{_URL}{path}",
            headers=_headers(content),
            content=content,
            extensions={"timeout": limits},
        )
    except TimeoutException:
        raise BackendUnavailable(
            "The engine is running but does not answer; run `acp-agent engine stop --now` and "
            "try again."
        ) from None


def _headers(content: bytes) -> list[tuple[str, str]]:
    return [
        ("host", "engine"),
        ("content-type", "application/json"),
        ("content-length", str(len(content))),
    ]


async def _read_body(response: "Response") -> bytes:
    from httpcore2 import NetworkError, ProtocolError

    body = b""
    try:
        async with aclosing(response.aiter_stream()) as parts:
            async for part in parts:
                body += part
                if len(body) > _ERROR_LIMIT:
                    break
    except (NetworkError, ProtocolError):
        return b""
    finally:
        await response.aclose()
    return body


def _read_error(body: bytes, status: int) -> Mapping[str, Any]:
    try:
        error = json.loads(body)["error"]
        return {"message": error["message"], "code": error.get("code")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"message": f"The engine answered with status {status}; try again."}


def _ended() -> BackendError:
    return BackendError(
        "The engine ended in the middle of the answer; send the prompt again and a new one "
        "starts. If it happens again, the model may need more memory than there is."
    )
