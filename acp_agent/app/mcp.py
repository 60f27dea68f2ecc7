"""A process that serves ``gptoss.generate`` to other agents: how it is built and ended.

Owns the connection's life, and which backends may answer. Does not own what the
server does (``mcp_server``).
"""

import os
from functools import partial
from uuid import uuid4

import anyio
import anyio.to_thread

from acp_agent.app.auto import open_decisions
from acp_agent.app.backends import build_backends
from acp_agent.app.signals import run_until_signal
from acp_agent.backends.base import Backend
from acp_agent.config.load import load_settings
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import Settings
from acp_agent.engine.client import EngineClient
from acp_agent.mcp_server.answerers import Answerer
from acp_agent.mcp_server.call import Services
from acp_agent.mcp_server.server import build_server
from acp_agent.mcp_server.transport import serve
from acp_agent.routing.weights import load_weights
from acp_agent.rpc.descriptors import Wire
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import LineReader, writer_to
from acp_agent.telemetry import configure_logging

PREFERRED = "gptoss_20b"
FALLBACK = "ollama"

_CLOSE_SECONDS = 0.1


def run_mcp(wire: Wire) -> int:
    """Serves one client on ``wire`` until it closes; returns the exit status."""
    return anyio.run(_serve, wire)


async def _serve(wire: Wire) -> int:
    configure_logging(find_paths().log_file, "info")
    backends: dict[str, Backend] = {}

    async def load() -> Services:
        services, made = await anyio.to_thread.run_sync(load_services)
        backends.update(made)
        return services

    server = build_server(load)
    reader, outbox = LineReader(wire.read_fd), Outbox(writer_to(wire.write_fd))
    status = await run_until_signal(partial(serve, server, reader.batches(), outbox))
    with anyio.move_on_after(_CLOSE_SECONDS):
        for backend in backends.values():
            await backend.aclose()
    return status


def load_services() -> tuple[Services, dict[str, Backend]]:
    """What calls need, and all backends that were built. Reads the configuration.

    Raises:
        ConfigError: the configuration is wrong.
    """
    paths = find_paths()
    settings = load_settings(paths, os.environ).settings
    configure_logging(paths.log_file, settings.log.level)
    backends = build_backends(settings, paths, EngineClient(paths, settings.engine))
    services = Services(
        answerers=choose_answerers(settings, backends),
        settings=settings.auto,
        weights=load_weights(),
        log=open_decisions(settings.auto, paths),
        session=uuid4().hex,
    )
    return services, backends


def choose_answerers(settings: Settings, backends: dict[str, Backend]) -> list[Answerer]:
    """The backends that may answer, in order."""
    found = [Answerer(backends[PREFERRED], own=True)]
    if settings.auto.fallback:
        found.append(Answerer(backends[FALLBACK], own=False))
    return found
