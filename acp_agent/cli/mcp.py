"""``acp-agent mcp``: the local GPT-OSS as a tool for other agents, over stdio.

Owns the very first steps and the very last one, as ``cli/serve`` does for editors. Does not
own the server (``mcp_server``).
"""

import argparse
import os
import sys

from acp_agent.rpc.descriptors import claim, relay_stderr

_FOR_PERSONS = (
    "acp-agent mcp is started by a program that speaks the Model Context Protocol, and talks "
    "to it on stdin and stdout. Add it to that program's settings: docs/mcp-server.md shows how."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none; the settings are those of the configuration."""
    parser.epilog = _FOR_PERSONS


def run(arguments: argparse.Namespace) -> int:
    """Serves the client at the other end of stdin and stdout, then ends the process.

    It does not return to its caller: interpreter shutdown would wait for threads that may be
    stuck in a read, and the client is gone by then.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        print(_FOR_PERSONS, file=sys.stderr)
        return 2
    wire = claim()
    relay = relay_stderr()
    status = 1
    try:
        from acp_agent.app.mcp import run_mcp

        status = run_mcp(wire)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        if relay is not None:
            relay.close(0.1)
        os._exit(status)
