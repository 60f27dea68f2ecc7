"""The engine process from start to exit.

Owns the one-engine lock, the order of starting and leaving, signals and the idle exit.
Does not own what is served. Leaving: the socket goes first, so that the next agent
starts a new engine; then running answers stop, the model's thread ends, the process.
"""

import logging
import os
import signal
import socket
import time
from pathlib import Path

import anyio
from anyio.abc import TaskStatus
from filelock import AcquireReturnProxy, FileLock, Timeout

from acp_agent.config.paths import check_private_folder, find_paths, private_folder
from acp_agent.engine.host.blas import prefer_openblas
from acp_agent.engine.host.listening import Server, listen
from acp_agent.engine.host.options import Options
from acp_agent.engine.host.runner import MlxRunner
from acp_agent.engine.host.server import Service
from acp_agent.engine.host.worker import Worker
from acp_agent.errors import AgentError

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the last client has gone."""


def run(options: Options) -> int:
    """Serves until it is idle or told to leave; returns the exit status.

    Raises:
        AgentError: another engine is running, or the socket cannot be made, with the
            reason; it is for the terminal and names the socket.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "1")  # models are folders here; nothing is downloaded
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        _prepare_folder(options.socket.parent)
        with _hold_lock(options), listen(options.socket) as listener:
            anyio.run(_serve, options, listener)
    except OSError as error:
        raise AgentError(
            f"The engine cannot listen at {options.socket}: {error.strerror or error}. Its folder "
            "must be your own and closed to others (`chmod 700`): correct that, or name another "
            "one with --socket or ACP_AGENT_HOME."
        ) from error
    return 0


def _prepare_folder(folder: Path) -> None:
    """Makes our own runtime folder; one that the user named is checked and left as it is."""
    if folder == find_paths().runtime:
        private_folder(folder)
    else:
        check_private_folder(folder)


def _hold_lock(options: Options) -> AcquireReturnProxy[FileLock]:
    """The lock that makes this the only engine, held; waits for one that is leaving."""
    lock = FileLock(options.socket.with_suffix(".lock"), mode=0o600)
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


async def _serve(options: Options, listener: socket.socket) -> None:
    runner = MlxRunner(
        prefill_step=options.prefill_step,
        has_fast_blas=prefer_openblas(),
        progress_after=options.progress_after,
    )
    worker = Worker(runner)
    service = Service(models=options.models, runner=runner, worker=worker)
    server = Server(service.app())
    _LOG.info("engine %d listens", os.getpid())
    try:
        async with anyio.create_task_group() as group:
            await group.start(_leave_on_signal, server)
            worker.start()
            group.start_soon(_leave_when_idle, server, service, options.idle_timeout)
            group.start_soon(_stop_on_leave, server, worker, options.socket)
            await server.serve(sockets=[listener])
            group.cancel_scope.cancel()
    finally:
        worker.end()
    _LOG.info("engine %d has ended", os.getpid())


async def _leave_on_signal(
    server: Server, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            _LOG.info("told to leave (%s)", number.name)
            server.leave()


async def _leave_when_idle(server: Server, service: Service, limit: float) -> None:
    while True:
        now = time.monotonic()
        since = service.idle_since
        wait = (now if since is None else since) + limit - now
        if wait <= 0 and not server.connections:
            break
        await anyio.sleep(wait if wait > 0 else _LOOK_AGAIN)
    _LOG.info("idle for %g s", limit)
    server.leave()


async def _stop_on_leave(server: Server, worker: Worker, path: Path) -> None:
    await server.left()
    # Not awaited: this task is cancelled as soon as the server has ended.
    path.unlink(missing_ok=True)  # noqa: ASYNC240
    worker.stop()
