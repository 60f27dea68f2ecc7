"""One JSON-RPC connection: requests in both directions, cancellation, shutdown.

Owns the order of arrival, a cancel scope for each request in flight, and the end of the
connection. Does not own the requests that we make (``rpc/outgoing``), nor ACP: methods
come as a table.

A line is looked at the moment it arrives and in order: a request gets its scope and its
``on_arrival`` hook, a notification runs, a response reaches its waiter. Only then do
tasks run, so that a request and its cancellation in one write meet.
"""

import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel

from acp_agent.errors import (
    AgentError,
    InternalError,
    InvalidRequest,
    RequestCancelled,
)
from acp_agent.rpc.frames import Frame, Json, JsonObject, MessageFrame, as_object, decode
from acp_agent.rpc.inbound import check_request, dispatch, error_response
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.outgoing import CANCEL_REQUEST, OnLate, Outgoing

_log = logging.getLogger(__name__)

Id = str | int | None

MAX_IN_FLIGHT: Final = 1024
"""Requests of the client's that may run at once; more are refused."""

_SETTLE_SECONDS: Final = 0.15
_FLUSH_SECONDS: Final = 0.1


@dataclass(slots=True, eq=False)
class Call:
    """A request in flight. Cancelling ``scope`` stops it; ``when_cancelled`` is then its result."""

    id: Id
    method: str
    params: JsonObject
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    on_settled: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    when_cancelled: Json = None


@dataclass(slots=True, frozen=True)
class Method:
    """How a request is served.

    ``handle`` gives the result. ``on_arrival`` runs when the line is read, before any
    task, and must not raise. ``when_cancelled`` is the result of a cancelled call; without
    it the answer is -32800.
    """

    handle: Callable[[Call], Awaitable[Json]]
    on_arrival: Callable[[Call], None] | None = None
    when_cancelled: Json = None


Notified = Callable[[JsonObject], None]
"""Takes a notification's params the moment it arrives; must not block or raise."""


class Peer:
    """The connection. ``run`` serves it to its end.

    Args:
        outbox: where frames go.
        methods: requests the client may make.
        notifications: notifications the client may send.
    """

    def __init__(
        self,
        outbox: Outbox,
        methods: Mapping[str, Method],
        notifications: Mapping[str, Notified],
    ) -> None:
        self.outbox = outbox
        self._methods = methods
        self._notifications = {**notifications, CANCEL_REQUEST: self._on_cancel_request}
        # A notification that carries an id is served as one and answered with null.
        self._known: dict[str, object] = {**self._methods, **self._notifications}
        self._calls: dict[Id, Call] = {}
        self._outgoing = Outgoing(outbox)
        self._settled = anyio.Event()
        self._tasks: anyio.abc.TaskGroup

    async def run(self, batches: AsyncIterable[Sequence[bytes | AgentError]]) -> None:
        """Serves until ``batches`` ends or the client stops reading for good.

        At the end running calls are cancelled and have a moment to answer, so that a
        client which wrote its requests and closed still gets what was ready.
        """
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._stop_when_broken)
            async for batch in batches:
                for line in batch:
                    await self.outbox.wait_for_answers_to_leave()
                    await self._receive(line)
            await self._settle()
            self._tasks.cancel_scope.cancel()

    async def _stop_when_broken(self) -> None:
        await self.outbox.wait_broken()
        self._tasks.cancel_scope.cancel()

    async def _settle(self) -> None:
        with anyio.move_on_after(_SETTLE_SECONDS):
            await anyio.lowlevel.checkpoint()
            for call in list(self._calls.values()):
                method = self._methods.get(call.method)
                if method is not None and method.when_cancelled is not None:
                    call.scope.cancel()
            self._outgoing.close()
            while self._calls:
                self._settled = anyio.Event()
                await self._settled.wait()
        await self.outbox.close(_FLUSH_SECONDS)

    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs ``function`` beside the calls, until the connection ends."""
        self._tasks.start_soon(function)

    async def send(self, frame: Frame) -> None:
        """Sends ``frame`` when the client keeps up."""
        await self.outbox.send(frame)

    async def request(
        self, method: str, params: JsonObject, on_late: OnLate | None = None
    ) -> JsonObject:
        """Asks the client and returns its result.

        Cancelling the caller withdraws the request with ``$/cancel_request``. A client
        that answers all the same is ignored, or its result goes to ``on_late``, which is
        given None where none will come. Time limits are the caller's (``anyio.fail_after``).

        Raises:
            ClientError: the client answered with an error, or has closed the connection.
        """
        return await self._outgoing.request(method, params, on_late)

    async def _receive(self, line: bytes | AgentError) -> None:
        message: Json = None
        try:
            if isinstance(line, AgentError):
                raise line
            message = decode(line)
            response = as_object(message)
            if response is not None and "method" not in response and "id" in response:
                self._on_response(response)
                return
            request = check_request(message)
            refusal = self._on_request(request)
            if refusal is not None:
                await self.outbox.send(MessageFrame(error_response(request["id"], refusal)))
        except AgentError as error:
            refusal = error_response(self._id_to_answer(message), error)
            await self.outbox.send(MessageFrame(refusal))

    def _id_to_answer(self, message: Json) -> Id:
        refused = as_object(message) or {}  # None: no id that a client waits for.
        identifier = refused.get("id") if "method" in refused else None
        return (
            identifier if type(identifier) in (str, int) and identifier not in self._calls else None
        )

    def _on_response(self, message: JsonObject) -> None:
        if "result" not in message and "error" not in message:
            raise InvalidRequest("A message needs a method, a result or an error.")
        self._outgoing.take(message)

    def _on_request(self, request: JsonObject) -> AgentError | None:
        """Starts ``request``; returns why not where the answer may carry its id."""
        name, params = request["method"], as_object(request.get("params")) or {}
        notified = self._notifications.get(name)
        if notified is not None:
            notified(params)
        if "id" not in request:
            if notified is None:
                _log.info("ignored the notification %s", name)
            return None
        identifier = request["id"]
        if identifier in self._calls:
            raise InvalidRequest(f"Request id {identifier!r} is still in use: take a new one.")
        if len(self._calls) >= MAX_IN_FLIGHT:
            return InvalidRequest(f"More than {MAX_IN_FLIGHT} requests at once: wait for answers.")
        call = Call(identifier, name, params)
        self._calls[identifier] = call
        method = self._methods.get(name)
        if method is not None and method.on_arrival is not None:
            method.on_arrival(call)
        self._tasks.start_soon(self._serve, call, request)
        return None

    def _on_cancel_request(self, params: JsonObject) -> None:
        identifier = params.get("requestId")
        call = self._calls.get(identifier) if type(identifier) in (str, int) else None
        if call is not None:
            call.scope.cancel()

    async def _serve(self, call: Call, request: JsonObject) -> None:
        async def handle(params: JsonObject) -> Json:
            return await self._in_own_task(call, params)

        try:
            response = await dispatch(request, handle, self._known)
        finally:
            del self._calls[call.id]
            for settled in call.on_settled:
                settled()
            self._settled.set()
        self.outbox.put(MessageFrame(response))

    async def _in_own_task(self, call: Call, params: JsonObject) -> Json:
        # jsonrpcserver awaits this in a task that anyio does not know: wait, do not work.
        outcome: list[Json | AgentError] = []
        done = anyio.Event()

        async def work() -> None:
            try:
                outcome.append(await self._outcome(call, params))
            finally:
                done.set()

        self._tasks.start_soon(work)
        await done.wait()
        result = outcome[0] if outcome else RequestCancelled("The connection has ended.")
        if isinstance(result, AgentError):
            raise result
        return result

    async def _outcome(self, call: Call, params: JsonObject) -> Json | AgentError:
        method = self._methods.get(call.method)
        if method is None:
            return None
        call.params = params
        result: Json | AgentError = RequestCancelled(f"{call.method} was cancelled.")
        try:
            with call.scope:
                result = await method.handle(call)
        except AgentError as error:
            _log.info("%s: %s (%r)", call.method, error.message, error.__cause__)
            result = error
        except Exception:
            _log.exception("%s failed", call.method)
            result = InternalError(
                f"{call.method} failed inside acp-agent; its log file has the details."
            )
        # A cancel may come after a call's last wait: it still is what counts.
        if call.scope.cancel_called and method.when_cancelled is not None:
            return call.when_cancelled or method.when_cancelled
        return result
