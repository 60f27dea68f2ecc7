"""A thread with an event loop of its own, for an SDK that blocks the loop it runs on.

Owns handing over what the thread makes, within bounds, and stopping it. Does not own what
runs there.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Generic, TypeVar

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token

from acp_agent.errors import AgentError, BackendError

_log = logging.getLogger(__name__)

READ_AHEAD = 8
"""Items that wait for the consumer before the thread waits."""

_GONE = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.RunFinishedError,
    CancelledError,
)
"""How it shows that the consumer, or its whole event loop, has left."""

Item = TypeVar("Item")


class Stopped(Exception):
    """Nobody wants the rest."""


class ModelThread(Generic[Item]):
    """Runs ``work(tell)`` in a thread; to be made on the event loop that takes the items.

    ``tell`` waits while the consumer is behind, and raises ``Stopped`` once it has left. The
    thread is a daemon: one that hangs in foreign code does not keep the process from ending.
    """

    def __init__(self, work: Callable[[Callable[[Item], None]], Awaitable[None]]) -> None:
        self._work = work
        self._token = current_token()
        self._send, self._receive = anyio.create_memory_object_stream[Item | AgentError](READ_AHEAD)
        self._stopped = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._thread = threading.Thread(target=self._run, name="apple-fm-sdk", daemon=True)

    def start(self) -> None:
        """Begins the work."""
        self._thread.start()

    def is_running(self) -> bool:
        """Whether the work has not ended yet, stopped or not."""
        return self._thread.is_alive()

    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stopped.is_set()

    async def next(self) -> Item:
        """The next item.

        Raises:
            AgentError: the work failed.
        """
        try:
            item = await self._receive.receive()
        except anyio.EndOfStream:
            raise BackendError("The model's thread ended early. Send the message again.") from None
        if isinstance(item, AgentError):
            raise item
        return item

    def stop(self) -> None:
        """Lets go of the work, without waiting for it.

        It is cancelled where it awaits something, and else at the next thing it tells.
        """
        self._stopped.set()
        self._receive.close()
        self._send.close()
        if self._running:
            loop, task = self._running
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)

    def join(self, seconds: float) -> None:
        """Blocks until the work has ended, at most so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        with suppress(Stopped, asyncio.CancelledError):
            try:
                # The SDK wants asyncio, and its own answer to a cancel, which anyio would repeat.
                asyncio.run(self._main())
            except AgentError as error:
                self._tell(error)
            except Stopped:
                raise
            except Exception:
                _log.exception("the thread of Apple's model failed")
                self._tell(BackendError("Apple's on-device model failed. Send the message again."))
            self._post(self._send.aclose)

    async def _main(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running = (asyncio.get_running_loop(), task)
        self._raise_if_stopped()
        await self._work(self._tell)

    def _tell(self, item: Item | AgentError) -> None:
        self._post(self._send.send, item)

    def _post(self, function: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._raise_if_stopped()

        async def post() -> None:
            await function(*arguments)

        try:
            from_thread.run(post, token=self._token)
        except _GONE:
            raise Stopped from None

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped
