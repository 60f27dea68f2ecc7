"""Starting the engine process, once for all agents of this user.

Owns whether an engine can run here, and the process's surroundings: a session of its
own (editors kill process groups), no descriptor of ours, the log as output. Does not own
talking to it (``client``). Two agents that start at once are kept apart by a lock, and
the engine holds a lock of its own for its life, so there are never two.
"""

import importlib.metadata
import importlib.util
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from acp_agent.config.paths import Paths, private_folder
from acp_agent.config.settings import EngineSettings
from acp_agent.errors import BackendUnavailable

_LOG = logging.getLogger(__name__)
_INTERVAL = 0.025
"""Seconds between two looks for the engine while it starts."""
_CUDA_BUILDS = ("mlx-cuda-12", "mlx-cuda-13")
_CARD_DEVICES = ("nvidiactl", "dxg")
"""The second one is that of Linux inside Windows."""
LOG_LIMIT = 2**20
"""Bytes of the engine's log above which the next start begins a new one."""


def explain_unsupported() -> str | None:
    """Why no MLX model can run here, in a sentence with the next step; None if it can."""
    if sys.platform == "win32":
        return "The engine for MLX models does not run on Windows; use mode ollama."
    if importlib.util.find_spec("mlx") is None or importlib.util.find_spec("mlx_lm") is None:
        return (
            "MLX is not installed, so local MLX models cannot run: install acp-agent with its "
            "extra `cpu` or `cuda13` on Linux, or use mode ollama where MLX has no build."
        )
    return None


def explain_no_mythos() -> str | None:
    """Why OpenMythos cannot run here, in a sentence with the next step; None if it can."""
    if sys.platform == "win32":
        return "The engine does not run on Windows, and with it mode mythos; use mode ollama."
    if importlib.util.find_spec("open_mythos") is None or importlib.util.find_spec("torch") is None:
        return (
            "OpenMythos is not installed: install acp-agent with its extra `mythos`, as in "
            "`pip install 'acp-agent[mythos]'` (PyTorch, up to 4 GB), and start it again."
        )
    return None


def explain_no_engine() -> str | None:
    """Why an engine would have no kind of model to run here, in a sentence; None if it has."""
    return explain_unsupported() if explain_no_mythos() is not None else None


def explain_no_gpu(platform: str = sys.platform, root: Path = Path("/")) -> str | None:
    """That MLX computes on the CPU here, in a sentence; None where it has a GPU.

    On a Mac it has one wherever it runs at all. Elsewhere it is told without loading MLX, by
    its installed build and the devices of NVIDIA's driver.

    Args:
        platform: as ``sys.platform``.
        root: what stands before ``/dev``, for tests.
    """
    if platform == "darwin":
        return None
    has_card = any((root / "dev" / name).exists() for name in _CARD_DEVICES)
    if has_card and any(map(_is_installed, _CUDA_BUILDS)):
        return None
    remedy = (
        " An NVIDIA card is here: install acp-agent with its extra `cuda13` to use it."
        if has_card
        else ""
    )
    return (
        "MLX has no GPU here: models run on the CPU, which is slow, and one of several billion "
        f"parameters may take minutes for an answer.{remedy}"
    )


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def lock_file(socket: Path) -> Path:
    """What the engine that listens at ``socket`` holds locked for its life."""
    return socket.with_suffix(".lock")


def is_lock_free(socket: Path) -> bool:
    """Whether no engine lives at ``socket``, not even one that is about to end."""
    from filelock import FileLock, Timeout

    if not socket.parent.is_dir():
        return True
    try:
        with FileLock(lock_file(socket), timeout=0, mode=0o600):
            return True
    except Timeout:
        return False


async def ensure_running(
    paths: Paths, settings: EngineSettings, is_running: Callable[[], Awaitable[bool]]
) -> None:
    """Returns once ``is_running``, after starting an engine where there is none.

    What ``is_running`` raises comes out as it is.

    Raises:
        BackendUnavailable: none can run here, or it did not start in time.
    """
    if await is_running():
        return
    if reason := explain_no_engine():
        raise BackendUnavailable(reason)
    try:
        with anyio.fail_after(settings.start_timeout):
            await _start(paths, settings, is_running)
    except TimeoutError:
        raise BackendUnavailable(
            f"The engine did not start within {settings.start_timeout:g} seconds; try again, "
            "or run `acp-agent engine` in a terminal to see why."
        ) from None
    except OSError as error:
        raise BackendUnavailable(
            f"The engine could not be started ({error.strerror or type(error).__name__}): see "
            "that the folders of acp-agent are your own and can be written, or set "
            "ACP_AGENT_HOME to another place."
        ) from error


async def _start(
    paths: Paths, settings: EngineSettings, is_running: Callable[[], Awaitable[bool]]
) -> None:
    from filelock import FileLock, Timeout

    lock = FileLock(private_folder(paths.runtime) / "start.lock", mode=0o600)
    while not await is_running():
        try:
            held = lock.acquire(blocking=False)
        except Timeout:
            await anyio.sleep(_INTERVAL)
            continue
        with held:
            if not await is_running():
                await _wait(_spawn(paths, settings), is_running)
            return


async def _wait(
    process: subprocess.Popen[bytes], is_running: Callable[[], Awaitable[bool]]
) -> None:
    while not await is_running():
        if process.returncode is not None:
            raise BackendUnavailable(
                f"The engine ended while it started (status {process.returncode}); "
                "run `acp-agent engine` in a terminal to see why."
            )
        await anyio.sleep(_INTERVAL)


def _spawn(paths: Paths, settings: EngineSettings) -> subprocess.Popen[bytes]:
    log = open_log(paths.engine_log_file)
    try:
        process = subprocess.Popen(
            engine_command(paths, settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
    finally:
        os.close(log)
    _LOG.info("started engine %d", process.pid)
    # The engine outlives us or leaves before us; either way somebody has to reap it.
    threading.Thread(target=process.wait, name="reap engine", daemon=True).start()
    return process


def engine_command(paths: Paths, settings: EngineSettings) -> list[str]:
    """What starts an engine with the settings of this agent, wherever they come from."""
    # -P: no module of the folder that the editor started us in may be imported.
    command = [sys.executable, "-P", "-m", "acp_agent", "engine"]
    for name, value in (
        ("socket", paths.engine_socket),
        ("models", paths.models),
        ("cache-folder", paths.prompt_caches),
        ("idle-timeout", settings.idle_timeout),
        ("start-timeout", settings.start_timeout),
        ("unload-after", settings.unload_after),
        ("max-sequences", settings.max_sequences),
        ("cache-memory", settings.cache_memory),
        ("cache-disk", settings.cache_disk),
        ("prefill-step", settings.prefill_step),
    ):
        if value is not None:
            command += [f"--{name}", str(value)]
    command.append("--ignore-memory" if settings.ignore_memory else "--no-ignore-memory")
    return command


def open_log(path: Path) -> int:
    """A descriptor of the engine's log, to append to; a long log is put aside first."""
    private_folder(path.parent)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
