"""One agent process and the JSON-RPC connection to it over its standard input and output.

Owns the process, the framing (one JSON message a line), request ids and the answers to the
agent's own requests. Does not own any ACP method: ``session`` does.
Spec: https://agentclientprotocol.com/protocol/v1/transports
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self, cast

import anyio
from anyio.abc import ByteSendStream, Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.cli.terminal.json_values import Json, as_object
from acp_agent.errors import AgentError, ClientError

NotificationHandler = Callable[[str, Json], None]
RequestHandler = Callable[[str, Json], Awaitable[Json]]

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes; a longer line from the agent ends the connection."""
REQUESTS_AT_ONCE = 16
"""Requests of the agent's that are answered at the same time; further ones wait in the pipe."""
EXIT_LIMIT = 5.0
"""Seconds the agent may take to leave after its input was closed, then after SIGTERM."""


class _Pending:
    """A request of ours that is not answered yet."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.answer: Json | None = None


class Connection:
    """An agent process to which requests can be sent, as an async context manager.

    Args:
        command: program and arguments of the agent.
        on_notification: called with method and params, in order, before anything that the
            agent sent later is looked at. It is synchronous: while it runs nothing is
            read, so a slow terminal slows the agent down instead of filling our memory.
        on_request: answers a request of the agent's; an ``AgentError`` becomes the error.

    Raises:
        ClientError: on entering, when the agent cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_notification: NotificationHandler,
        on_request: RequestHandler,
    ) -> None:
        self._command = list(command)
        self._on_notification = on_notification
        self._on_request = on_request
        self._pending: dict[int, _Pending] = {}
        self._last_id = 0
        self._failure: Exception | None = None
        self._ended = anyio.Event()
        self._slots = anyio.Semaphore(REQUESTS_AT_ONCE)
        self._writing = anyio.Lock()
        self._process: Process
        self._input: ByteSendStream
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        self._process = await _spawn(self._command)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._read, BufferedByteReceiveStream(self._process.stdout))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
        self._tasks.cancel_scope.cancel()
        if isinstance(error, anyio.get_cancelled_exc_class()):
            await self._tasks.__aexit__(kind, error, traceback)
        else:
            # An error is kept from the task group, which would wrap it in an exception group.
            await self._tasks.__aexit__(None, None, None)
        with anyio.CancelScope(shield=True):
            await self._process.aclose()

    @property
    def alive(self) -> bool:
        """Whether the agent can still be talked to."""
        return self._failure is None

    async def request(self, method: str, params: Json, *, limit: float | None = None) -> Json:
        """Sends a request and returns its result, after all that the agent sent before it.

        Args:
            method: the JSON-RPC method.
            params: its parameters.
            limit: seconds to wait at most; None waits as long as the agent lives.

        Raises:
            AgentError: the agent's own error, with its sentence.
            ClientError: the agent is gone or silent.
        """
        with anyio.move_on_after(limit):
            return await self._request(method, params)
        raise ClientError(f"The agent did not answer {method} within {limit:g} seconds.")

    async def notify(self, method: str, params: Json) -> None:
        """Sends a notification.

        Raises:
            ClientError: the agent is gone.
        """
        await self._send({"method": method, "params": params})

    async def close(self) -> int:
        """Closes the agent's input, which tells it to leave, and returns its exit status.

        An agent that stays is ended with SIGTERM, then SIGKILL (a negative status).
        """
        with anyio.CancelScope(shield=True):
            await self._input.aclose()
            for ending in (self._process.terminate, self._process.kill):
                with anyio.move_on_after(EXIT_LIMIT):
                    return await self._process.wait()
                with contextlib.suppress(ProcessLookupError):
                    ending()
        return await self._process.wait()

    async def _request(self, method: str, params: Json) -> Json:
        self._last_id += 1
        number, pending = self._last_id, _Pending()
        self._pending[number] = pending
        try:
            await self._send({"id": number, "method": method, "params": params})
            await pending.done.wait()
        finally:
            del self._pending[number]
        if pending.answer is None:
            assert self._failure is not None
            raise self._failure
        return _result(pending.answer)

    async def _send(self, message: Json) -> None:
        if self._failure is not None:
            raise self._failure
        line = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"
        try:
            async with self._writing:
                await self._input.send(line)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            with anyio.move_on_after(EXIT_LIMIT):
                await self._ended.wait()
            gone = ClientError("The agent takes no more messages.")
            raise self._failure or gone from None

    async def _read(self, lines: BufferedByteReceiveStream) -> None:
        try:
            while True:
                await self._dispatch(await lines.receive_until(b"\n", LINE_LIMIT))
        except anyio.DelimiterNotFound:
            self._end(ClientError("The agent sent a line of more than 64 MiB."))
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
            self._end(ClientError(await self._obituary()))
        except Exception as error:
            # Raised where the turn is awaited: an error of the view's (a closed stdout).
            self._end(error)

    async def _dispatch(self, line: bytes) -> None:
        message = _parse(line)
        method = message.get("method")
        if not isinstance(method, str):
            self._settle(message)
        elif "id" in message:
            await self._slots.acquire()
            self._tasks.start_soon(self._answer, message)
        else:
            self._on_notification(method, as_object(message.get("params")))

    def _settle(self, answer: Json) -> None:
        number = answer.get("id")
        pending = self._pending.get(number) if isinstance(number, int) else None
        if pending is not None:
            pending.answer = answer
            pending.done.set()

    async def _answer(self, message: Json) -> None:
        reply: Json
        try:
            params = as_object(message.get("params"))
            reply = {"result": await self._on_request(message["method"], params)}
        except AgentError as error:
            reply = {"error": {"code": error.code, "message": error.message}}
        except Exception as error:
            self._end(error)
            return
        finally:
            self._slots.release()
        with contextlib.suppress(AgentError):
            await self._send({"id": message["id"], **reply})

    async def _obituary(self) -> str:
        with anyio.move_on_after(1):
            status = await self._process.wait()
            return f"The agent ended with exit status {status} before it had answered."
        return "The agent closed its output before it had answered."

    def _end(self, failure: Exception) -> None:
        self._failure = failure
        self._ended.set()
        for pending in self._pending.values():
            pending.done.set()


async def _spawn(command: list[str]) -> Process:
    # In a process group of its own, so that the terminal's Ctrl-C reaches only us.
    apart: Json = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return await anyio.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, **apart
        )
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise ClientError(f"The agent {command[0]!r} could not be started: {reason}.") from error


def _parse(line: bytes) -> Json:
    try:
        message: object = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ClientError(f"The agent wrote a line that is no ACP message: {line[:80]!r}.")
    return cast(Json, message)


def _result(answer: Json) -> Json:
    if "error" in answer:
        error = as_object(answer["error"])
        raise AgentError(str(error.get("message") or "The agent answered with an error."))
    return as_object(answer.get("result"))
