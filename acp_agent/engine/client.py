"""The agent's side of the engine: what can be asked of it.

Owns reaching a running engine or starting one, waiting for one that is in the way, and
the requests. Does not own HTTP (``connection``), asking another version to leave
(``handover``), the process (``launch``) or what an answer means for a mode
(``backends/engine``).
"""

import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio

from acp_agent.config.paths import Paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine import handover
from acp_agent.engine.connection import (
    EngineLeaving,
    RouteMissing,
    ask_health,
    call,
    connect,
    read_events,
    send,
)
from acp_agent.engine.launch import ensure_running, explain_unsupported, is_lock_free
from acp_agent.engine.room import explain_no_memory, explain_no_space
from acp_agent.engine.saved_prompts import forget_saved
from acp_agent.errors import BackendUnavailable

if TYPE_CHECKING:
    from httpcore2 import AsyncConnectionPool, Response


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

    def explain_unfit(
        self, minimum_memory: int | None, recommended_memory: int | None, size: int
    ) -> str | None:
        """Why a model that is to be installed cannot run here, in a sentence; None if it can.

        Args:
            minimum_memory: bytes that the machine must have; None where that is not known.
            size: bytes that are still to come to the disk, 0 where that is not known.
        """
        no_memory = explain_no_memory(minimum_memory, recommended_memory)
        if no_memory is not None and not self._settings.ignore_memory:
            return no_memory
        return explain_no_space(self._paths.models, size)

    async def health(self) -> dict[str, Any] | None:
        """What the running engine says of itself, None where none runs."""
        async with self._connect() as pool:
            return await ask_health(pool)

    async def status(self) -> dict[str, Any] | None:
        """The engine's models, queue, caches and memory; None where none runs.

        Raises:
            BackendError: it does not answer, or is of an older version.
        """
        return await self._call("GET", "/v1/engine/status")

    async def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        """Streams the chunks that answer ``body``, as OpenAI's API has them.

        Starts the engine where none runs. Before the answer, chunks may hold only
        ``engine_wait``: in a sentence, why another engine has to leave first. Chunks may hold
        ``queue_progress`` ({ahead}), ``load_progress`` and ``prompt_progress`` ({processed,
        total}); deltas have ``content``, ``reasoning_content`` or ``tool_calls``; the last
        has ``usage`` and ``timings``.

        Raises:
            ModelNotInstalled: the engine does not know the model; the message is its own and
                may hold a path, and the model's id is not known here.
            ContextOverflow: the messages do not fit the model's window.
            BackendUnavailable: no engine can be had, or it has no memory for the model.
            BackendError: the engine refused, failed or ended.
        """
        async with aclosing(
            self._stream("/v1/chat/completions", {**body, "stream": True})
        ) as chunks:
            async for chunk in chunks:
                yield chunk

    async def load(self, model: str) -> AsyncGenerator[dict[str, Any], None]:
        """Loads ``model`` and streams how far that is; starts the engine where none runs.

        Yields:
            Chunks with ``engine_wait`` or ``load_progress``, as ``chat``, and ``loaded`` at the
            end.

        Raises:
            BackendError: as ``chat``.
        """
        async with aclosing(self._stream("/v1/models/load", {"model": model})) as chunks:
            async for chunk in chunks:
                yield chunk
                if "loaded" in chunk:
                    return

    async def unload(self, model: str | None = None) -> bool:
        """Asks for ``model`` to be taken out of memory; False where no engine runs.

        Args:
            model: an installed model's id or the path of a model folder; None means all.

        Raises:
            BackendError: the engine does not know it, or refused.
        """
        return await self._call("POST", "/v1/models/unload", {"model": model}) is not None

    async def forget(self, prompt_cache_key: str) -> bool:
        """Deletes what is kept of a session's prompts; whether an engine was told.

        Where none runs, its files are deleted here.
        """
        body = {"prompt_cache_key": prompt_cache_key}
        try:
            told = await self._call("POST", "/v1/caches/forget", body) is not None
        except RouteMissing:  # protocol 1 keeps nothing
            return False
        if not told:
            forget_saved(self._paths.prompt_caches, prompt_cache_key)
        return told

    async def drain(self) -> bool:
        """Asks the engine to leave once its last answer is whole; False where none runs.

        Raises:
            BackendError: it does not answer, or is of an older version and in use.
        """
        return await handover.ask_to_drain(self._paths.engine_socket)

    async def stop(self) -> bool:
        """Tells the engine to leave at once, in the middle of answers; False where none runs.

        Raises:
            BackendUnavailable: it does not answer.
        """
        try:
            return await self._call("POST", "/v1/engine/stop") is not None
        except RouteMissing:
            return await handover.signal_engine(self._paths.engine_socket, None, signal.SIGTERM)

    async def kill(self) -> bool:
        """Ends the engine's process where it does not listen to ``stop``; whether one is there."""
        return await handover.signal_engine(self._paths.engine_socket, None, signal.SIGKILL)

    async def wait_ended(self, pid: int) -> None:
        """Returns once the engine process ``pid`` has ended; another may run by then."""
        while True:
            health = await self.health()
            if (health is None or health.get("pid") != pid) and (
                health is not None or is_lock_free(self._paths.engine_socket)
            ):
                return
            await anyio.sleep(handover.INTERVAL)

    def _connect(self) -> "AsyncConnectionPool":
        return connect(self._paths.engine_socket)

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any] | None:
        async with self._connect() as pool:
            return await call(pool, method, path, body)

    async def _stream(
        self, path: str, body: Mapping[str, object]
    ) -> AsyncGenerator[dict[str, Any], None]:
        async with self._connect() as pool:
            response: Response | None = None
            for may_ask_again in (True, False):
                async with aclosing(self._find_engine(pool)) as waits:
                    async for sentence in waits:
                        yield {"engine_wait": sentence}
                try:
                    response = await send(pool, path, body)
                    break
                except EngineLeaving:
                    if not may_ask_again:
                        raise
            assert response is not None
            try:
                async with aclosing(read_events(response)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                await response.aclose()

    async def _find_engine(self, pool: "AsyncConnectionPool") -> AsyncGenerator[str, None]:
        """Ends once an engine runs that we can use; yields what is waited for until then."""

        async def is_running() -> bool:
            health = await ask_health(pool)
            if health is not None and not handover.is_usable(health):
                raise _InTheWay
            return health is not None

        while True:
            try:
                await ensure_running(self._paths, self._settings, is_running)
                return
            except _InTheWay:
                pass
            async with aclosing(handover.make_way(self._paths.engine_socket)) as sentences:
                async for sentence in sentences:
                    yield sentence


class _InTheWay(BackendUnavailable):
    """An engine runs that we cannot use; it is asked to leave."""

    def __init__(self) -> None:
        super().__init__("Another engine is in the way.")
