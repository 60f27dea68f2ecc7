"""MCP messages over the claimed descriptors of this process.

Owns reading and writing them for the library's server, and that the end of either side ends
the connection. Does not own lines and queues (``rpc``). The library's own stdio transport
would wait for ever for a client that neither reads nor closes.
Source: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
"""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError

from acp_agent.errors import AgentError, InvalidRequest
from acp_agent.rpc.frames import MessageFrame, decode
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import Line

_log = logging.getLogger(__name__)

_Deliver = MemoryObjectSendStream[SessionMessage | Exception]

LAST_WORDS = 0.5
"""Seconds that what waits to be written has at the end."""


async def serve(
    server: Server[Any], batches: AsyncIterator[Sequence[Line]], outbox: Outbox
) -> None:
    """Serves one client until it closes ``batches`` or reads no more."""
    deliver, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)

    async def read() -> None:
        with deliver:
            async for batch in batches:
                for line in batch:
                    await _deliver(line, deliver, outbox)
                await outbox.wait_for_answers_to_leave()

    # A reader that is cancelled before it starts closes nothing.
    with deliver, incoming:
        await _run(server, read, incoming, outbox)
    await outbox.close(LAST_WORDS)


async def _run(
    server: Server[Any],
    read: Callable[[], Coroutine[Any, Any, None]],
    incoming: MemoryObjectReceiveStream[SessionMessage | Exception],
    outbox: Outbox,
) -> None:
    async with anyio.create_task_group() as tasks:

        async def end_when_broken() -> None:
            await outbox.wait_broken()
            tasks.cancel_scope.cancel()

        tasks.start_soon(read)
        tasks.start_soon(end_when_broken)
        await server.run(incoming, _Writer(outbox), server.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _deliver(line: Line, deliver: _Deliver, outbox: Outbox) -> None:
    try:
        message = _parse(line)
    except AgentError as error:
        _log.info("the client sent what is no message: %s", error.message)
        refusal = {"code": error.code, "message": error.message}
        outbox.put(MessageFrame({"jsonrpc": "2.0", "id": None, "error": refusal}))
        return
    await deliver.send(message)


def _parse(line: Line) -> SessionMessage:
    if isinstance(line, AgentError):
        raise line
    value = decode(line)
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_python(value, by_name=False))
    except ValidationError:
        raise InvalidRequest("This line is JSON, but no JSON-RPC 2.0 message of MCP.") from None


class _Writer:
    """The library's way out. What settles a request never waits; the rest waits for room."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def send(self, item: SessionMessage, /) -> None:
        message = item.message
        frame = MessageFrame(message.model_dump(mode="json", by_alias=True, exclude_unset=True))
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._outbox.put(frame)
        else:
            await self._outbox.send(frame)

    async def aclose(self) -> None:
        """Nothing to do: ``serve`` lets the last messages leave."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()
