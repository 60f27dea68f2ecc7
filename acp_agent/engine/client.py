"""The agent's side of the engine: HTTP over its Unix domain socket.

Owns reaching a running engine or starting one, streaming an answer without reading
ahead, and turning failures into ``BackendError``s. Does not own what an answer means for
a mode (``backends/mlx``). Cancelling, or closing the stream, closes the connection, and
the engine stops before its next token.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from acp_agent.config.paths import Paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import PROTOCOL
from acp_agent.engine.launch import ensure_running, explain_unsupported
from acp_agent.engine.sse import EventReader
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow, ModelNotInstalled

if TYPE_CHECKING:
    from httpcore2 import AsyncConnectionPool, Response

HEALTH_TIMEOUT = 10.0
"""Seconds; the engine answers this beside its work, so more means it hangs."""

_URL = "http://engine"
_ERROR_LIMIT = 2**20


class _Leaving(BackendUnavailable):
    """The engine is about to end; the next one can answer."""


class EngineClient:
    """The engine of this user.

    Every call has a connection of its own, so that an idle agent keeps no engine alive.
    """

    def __init__(self, paths: Paths, settings: EngineSettings) -> None:
        self._paths = paths
        self._settings = settings

    def explain_unsupported(self) -> str | None:
        """Why there can be no engine here, or None."""
        return explain_unsupported()

    async def health(self) -> dict[str, Any] | None:
        """What the running engine says of itself, None where none runs."""
        async with self._connect() as pool:
            return await _ask_health(pool)

    async def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        """Streams the chunks that answer ``body``, as OpenAI's API has them.

        Starts the engine where none runs. Chunks may hold ``load_progress`` and
        ``prompt_progress`` ({processed, total}); the last has ``usage``.

        Raises:
            ModelNotInstalled: the engine does not know the model; the message is its own and
                may hold a path, and the model's id is not known here.
            ContextOverflow: the messages do not fit the model's window.
            BackendUnavailable: no engine can be had.
            BackendError: the engine refused, failed or ended.
        """
        content = json.dumps({**body, "stream": True}).encode()
        async with self._connect() as pool:
            response = await self._post(pool, content)
            try:
                async with aclosing(_chunks(response)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                await response.aclose()

    def _connect(self) -> "AsyncConnectionPool":
        from httpcore2 import AsyncConnectionPool

        from acp_agent.engine.unix_stream import UnixBackend

        socket = str(self._paths.engine_socket)
        return AsyncConnectionPool(uds=socket, network_backend=UnixBackend())

    async def _post(self, pool: "AsyncConnectionPool", content: bytes) -> "Response":
        """The streaming response to ``content``; an engine about to leave is replaced once."""
        try:
            return await self._post_once(pool, content)
        except _Leaving:
            return await self._post_once(pool, content)

    async def _post_once(self, pool: "AsyncConnectionPool", content: bytes) -> "Response":
        await self._ensure_running(pool)
        response = await _send(pool, content)
        if response.status != 200:
            raise _translate(await _read_error(response))
        return response

    async def _ensure_running(self, pool: "AsyncConnectionPool") -> None:
        async def is_running() -> bool:
            health = await _ask_health(pool)
            if health is not None and health.get("protocol") != PROTOCOL:
                raise BackendUnavailable(
                    "An engine of another version of acp-agent is running; close the other "
                    "editors, wait until it has left, then try again."
                )
            return health is not None

        await ensure_running(self._paths, self._settings, is_running)


async def _ask_health(pool: "AsyncConnectionPool") -> dict[str, Any] | None:
    from httpcore2 import NetworkError, ProtocolError, TimeoutException

    limits = dict.fromkeys(("connect", "read", "write", "pool"), HEALTH_TIMEOUT)
    try:
        response = await pool.request("GET", f"{_URL}/health", extensions={"timeout": limits})
        return json.loads(response.content)
    except TimeoutException:
        raise BackendUnavailable(
            "The engine is running but does not answer; end the process `acp-agent engine` "
            "and try again."
        ) from None
    except (NetworkError, ProtocolError, ValueError):
        return None


async def _send(pool: "AsyncConnectionPool", content: bytes) -> "Response":
    from httpcore2 import NetworkError, ProtocolError, Request

    headers = [
        ("host", "engine"),
        ("content-type", "application/json"),
        ("content-length", str(len(content))),
    ]
    request = Request("POST", f"{_URL}/v1/chat/completions", headers=headers, content=content)
    try:
        return await pool.handle_async_request(request)
    except (NetworkError, ProtocolError) as error:
        raise _ended() from error


async def _chunks(response: "Response") -> AsyncGenerator[dict[str, Any], None]:
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
                        raise _translate(chunk["error"])
                    yield chunk
    except (NetworkError, ProtocolError, ValueError) as error:
        raise _ended() from error
    raise _ended()


async def _read_error(response: "Response") -> dict[str, Any]:
    from httpcore2 import NetworkError, ProtocolError

    body = b""
    try:
        async with aclosing(response.aiter_stream()) as parts:
            async for part in parts:
                body += part
                if len(body) > _ERROR_LIMIT:
                    break
        return json.loads(body)["error"]
    except (NetworkError, ProtocolError, ValueError, KeyError, TypeError):
        return {"message": f"The engine answered with status {response.status}; try again."}
    finally:
        await response.aclose()


def _translate(error: Mapping[str, Any]) -> BackendError:
    message = str(error.get("message", "The engine failed; try again."))
    match error.get("code"):
        case "model_not_found":
            return ModelNotInstalled(message, model="")
        case "context_length_exceeded":
            return ContextOverflow(message)
        case "engine_stopping":
            return _Leaving("The engine was told to leave; send the prompt again.")
        case _:
            return BackendError(message)


def _ended() -> BackendError:
    return BackendError(
        "The engine ended in the middle of the answer; send the prompt again and a new one "
        "starts. If it happens again, the model may need more memory than there is."
    )
