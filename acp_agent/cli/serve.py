"""``acp-agent`` as an editor spawns it: ACP on stdin and stdout.

Owns the very first steps (claiming the descriptors before anything else is imported). Does
not own the end of the process (``ending``), nor the protocol.
"""

from collections.abc import Callable

from acp_agent.cli.ending import serve_and_exit
from acp_agent.rpc.descriptors import Wire, claim


def serve() -> int:
    """Serves the client at the other end of stdin and stdout, then ends the process."""
    return serve_and_exit(claim(), _load)


def _load() -> Callable[[Wire], int]:
    import gc

    # Collecting while modules load finds nothing and costs a tenth of the start.
    gc.disable()
    from acp_agent.app.agent import run_agent

    gc.freeze()
    gc.enable()
    return run_agent
