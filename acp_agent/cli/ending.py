"""Serving a client on stdin and stdout, and the end of such a process.

Owns the very last step. Does not own the descriptors (``rpc/descriptors``) nor what is served.
"""

import os
from collections.abc import Callable

from acp_agent.rpc.descriptors import Wire, relay_stderr


def serve_and_exit(wire: Wire, load: Callable[[], Callable[[Wire], int]]) -> int:
    """Runs what ``load`` imports on ``wire``, then ends the process.

    It does not return: interpreter shutdown would wait for threads that may be stuck in a
    read or a name look-up, and the client is gone by then.
    """
    relay = relay_stderr()
    status = 1
    try:
        status = load()(wire)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        if relay is not None:
            relay.close(0.1)
        os._exit(status)
