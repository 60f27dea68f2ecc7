"""The engine process from start to exit.

Owns the one-engine lock, the order of starting and leaving, signals, draining and the
idle exit. Does not own what is served. Leaving: the socket goes first, so that the next
agent starts a new engine; then running answers stop, the model's thread saves its caches
and ends, then the process.
"""

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskStatus
from filelock import AcquireReturnProxy, FileLock, Timeout

from acp_agent.config.paths import check_private_folder, find_paths, private_folder
from acp_agent.engine.host.auth import read_token
from acp_agent.engine.host.blas import prefer_fast_blas
from acp_agent.engine.host.listening import Server, listen, listen_tcp
from acp_agent.engine.host.loaded import MlxLoader
from acp_agent.engine.host.memory.guard import MemoryGuard
from acp_agent.engine.host.mythos.make import make_scheduler
from acp_agent.engine.host.mythos.variants import Variants, read_variants
from acp_agent.engine.host.options import Options
from acp_agent.engine.host.scheduler import Scheduler, SchedulerOptions
from acp_agent.engine.host.server import Service
from acp_agent.engine.host.worker import Worker
from acp_agent.engine.host.workers import Workers
from acp_agent.engine.launch import lock_file
from acp_agent.errors import AgentError

LEAVE_LIMIT = 120.0
"""Seconds that leaving may take. Then something hangs: the process writes to its log where,
and ends, since the next engine waits for its lock."""

READER_PATIENCE = 30.0
"""Seconds that a draining engine waits for clients that do not read, once nothing else goes on."""

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the last client, or the last model, has gone."""
_LOOK_AGAIN_DRAINING = 0.1


def run(options: Options) -> int:
    """Serves until it is idle or told to leave; returns the exit status.

    Raises:
        AgentError: another engine is running, or it cannot listen, with the reason; it is
            for the terminal and names the socket.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "1")  # models are folders here; nothing is downloaded
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    token = None if options.token_env is None else read_token(options.token_env)
    variants = read_variants(os.environ)
    try:
        _prepare_folder(options.socket.parent)
        with _hold_lock(options), ExitStack() as open_sockets:
            listeners = [open_sockets.enter_context(listen(options.socket))]
            if options.listen is not None:
                listeners.append(open_sockets.enter_context(listen_tcp(options.listen)))
            anyio.run(_serve, options, listeners, token, variants)
    except OSError as error:
        raise AgentError(
            f"The engine cannot listen at {options.socket}: {error.strerror or error}. Its folder "
            "must be your own and closed to others (`chmod 700`): correct that, or name another "
            "one with --socket or ACP_AGENT_HOME."
        ) from error
    finally:
        faulthandler.cancel_dump_traceback_later()
    return 0


def _prepare_folder(folder: Path) -> None:
    """Makes our own runtime folder; one that the user named is checked and left as it is."""
    if folder == find_paths().runtime:
        private_folder(folder)
    else:
        check_private_folder(folder)


def _hold_lock(options: Options) -> AcquireReturnProxy[FileLock]:
    """The lock that makes this the only engine, held; waits for one that is leaving."""
    lock = FileLock(lock_file(options.socket), mode=0o600)
    deadline = time.monotonic() + options.start_timeout
    while True:
        try:
            return lock.acquire(timeout=0.2)
        except Timeout:
            if _answers(options.socket) or time.monotonic() > deadline:
                raise AgentError(
                    "Another engine is running; stop it first, or let the agent use it."
                ) from None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


class _Life:
    """What the routes may do to the process; as ``routes.base.Life``."""

    def __init__(self, worker: Workers) -> None:
        self._worker = worker
        self.drained = anyio.Event()
        self.stopped = anyio.Event()

    def drain(self) -> None:
        """Takes no new request, answers those that are there, then leaves."""
        if not self.drained.is_set():
            _LOG.info("asked to drain")
            self._worker.drain()
            self.drained.set()

    def stop(self) -> None:
        """Ends all answers and leaves."""
        _LOG.info("asked to stop")
        self.stopped.set()


async def _serve(
    options: Options, listeners: list[socket.socket], token: str | None, variants: Variants
) -> None:
    loop, broken = asyncio.get_running_loop(), anyio.Event()
    worker = _make_workers(options, variants, partial(loop.call_soon_threadsafe, broken.set))
    life = _Life(worker)
    service = Service(models=options.models, worker=worker, life=life)
    host = "" if options.listen is None else options.listen.host
    server = Server(service.app(token=token, host=host))
    _LOG.info("engine %d listens", os.getpid())
    try:
        async with anyio.create_task_group() as group:
            await group.start(_leave_on_signal, server)
            worker.start()
            group.start_soon(_leave_after, server, life.stopped)
            group.start_soon(_leave_after, server, broken)
            group.start_soon(_leave_when_drained, server, service, worker, life)
            if options.listen is None:
                limit = options.idle_timeout
                group.start_soon(_leave_when_idle, server, service, worker, limit)
            group.start_soon(_stop_on_leave, server, worker, options.socket)
            await server.serve(sockets=listeners)
            group.cancel_scope.cancel()
    finally:
        worker.end()
    _LOG.info("engine %d has ended", os.getpid())


def _make_workers(
    options: Options, variants: Variants, on_failure: Callable[[], object]
) -> Workers:
    prefer_fast_blas()
    load = MlxLoader(
        prefill_step=options.prefill_step,
        cache_memory=options.cache_memory,
        cache_folder=options.cache_folder,
        cache_disk=options.cache_disk,
    )
    scheduling = SchedulerOptions(
        max_sequences=options.max_sequences,
        progress_after=options.progress_after,
        unload_after=options.unload_after,
    )
    guard = MemoryGuard(ignore_memory=options.ignore_memory)
    mlx = Scheduler(scheduling, load=load, guard=guard)
    mythos = make_scheduler(
        scheduling,
        variants=variants,
        cache_memory=options.cache_memory,
        ignore_memory=options.ignore_memory,
    )
    return Workers(Worker(mlx, on_failure=on_failure), Worker(mythos, on_failure=on_failure))


async def _leave_on_signal(
    server: Server, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            _LOG.info("told to leave (%s)", number.name)
            server.leave()


async def _leave_after(server: Server, event: anyio.Event) -> None:
    await event.wait()
    server.leave()


async def _leave_when_drained(
    server: Server, service: Service, worker: Workers, life: _Life
) -> None:
    await life.drained.wait()
    last_work, decoded = time.monotonic(), -1
    while service.idle_since is None:
        status, now = worker.status(), time.monotonic()
        if _works(status) or status["decoded_tokens"] != decoded:
            last_work, decoded = now, status["decoded_tokens"]
        elif now > last_work + READER_PATIENCE:
            _LOG.warning("left clients behind that do not read their answers")
            break
        await anyio.sleep(_LOOK_AGAIN_DRAINING)
    else:
        _LOG.info("the last answer is whole")
    server.leave()


def _works(status: dict[str, Any]) -> bool:
    """Whether more goes on than waiting for clients to read."""
    running = status["active_requests"] - status["parked_requests"] + status["queued_requests"]
    return bool(running) or status["state"] in ("loading", "unloading")


async def _leave_when_idle(server: Server, service: Service, worker: Workers, limit: float) -> None:
    """A loaded model keeps the engine; how long it stays loaded is the scheduler's."""
    while True:
        now = time.monotonic()
        since = service.idle_since
        wait = (now if since is None else since) + limit - now
        if wait <= 0 and not server.connections and not worker.status()["models"]:
            break
        await anyio.sleep(wait if wait > 0 else _LOOK_AGAIN)
    _LOG.info("idle for %g s", limit)
    server.leave()


async def _stop_on_leave(server: Server, worker: Workers, path: Path) -> None:
    await server.left()
    faulthandler.dump_traceback_later(LEAVE_LIMIT, exit=True)
    # Not awaited: this task is cancelled as soon as the server has ended.
    path.unlink(missing_ok=True)  # noqa: ASYNC240
    worker.stop()
