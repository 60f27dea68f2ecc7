"""A process of the agent: how it is built and ended.

Owns the connection's life. Does not own what a session needs (``loading``),
which is imported when the first one starts.
"""

from functools import partial

import anyio

from acp_agent.app.signals import run_until_signal
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.rpc.descriptors import Wire
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.stdio import LineReader, writer_to


def run_agent(wire: Wire) -> int:
    """Serves one client on ``wire`` until it closes; returns the exit status."""
    return anyio.run(_serve, wire)


async def _serve(wire: Wire) -> int:
    outbox = Outbox(writer_to(wire.write_fd))

    async def load() -> Loaded:
        return await anyio.to_thread.run_sync(_load, outbox)

    handlers = Handlers(load)
    peer = handlers.connect(outbox)
    reader = LineReader(wire.read_fd)
    status = await run_until_signal(partial(peer.run, reader.batches()))
    with anyio.move_on_after(0.1):
        await handlers.aclose()
    return status


def _load(outbox: Outbox) -> Loaded:
    from acp_agent.app.loading import load

    return load(outbox)
