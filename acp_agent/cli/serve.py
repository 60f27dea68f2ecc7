"""``acp-agent`` as an editor spawns it: ACP on stdin and stdout.

Owns the very first steps (claiming the descriptors before anything else is imported) and
the very last one. Does not own the protocol.
"""

import os

from acp_agent.rpc.descriptors import claim, relay_stderr


def serve() -> int:
    """Serves the client at the other end of stdin and stdout, then ends the process.

    It does not return to its caller: interpreter shutdown would wait for threads that
    may be stuck in a read or a name look-up, and the editor is gone by then.
    """
    wire = claim()
    relay = relay_stderr()
    import gc

    # Collecting while modules load finds nothing and costs a tenth of the start.
    gc.disable()
    from acp_agent.app.agent import run_agent

    gc.freeze()
    gc.enable()
    status = 1
    try:
        status = run_agent(wire)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        if relay is not None:
            relay.close(0.1)
        os._exit(status)
