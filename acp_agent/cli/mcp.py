"""``acp-agent mcp``: the local GPT-OSS as a tool for other agents, over stdio.

Owns the very first steps, as ``cli/serve`` does for editors. Does not own the server
(``mcp_server``).
"""

import argparse
import sys
from collections.abc import Callable

from acp_agent.cli.ending import serve_and_exit
from acp_agent.rpc.descriptors import Wire, claim

_FOR_PERSONS = (
    "acp-agent mcp is started by a program that speaks the Model Context Protocol, and talks "
    "to it on stdin and stdout. Add it to that program's settings: docs/mcp-server.md shows how."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none; the settings are those of the configuration."""
    parser.epilog = _FOR_PERSONS


def run(arguments: argparse.Namespace) -> int:
    """Serves the client at the other end of stdin and stdout, then ends the process; returns
    2 where that is a terminal."""
    if sys.stdin is not None and sys.stdin.isatty():
        print(_FOR_PERSONS, file=sys.stderr)
        return 2
    return serve_and_exit(claim(), _load)


def _load() -> Callable[[Wire], int]:
    from acp_agent.app.mcp import run_mcp

    return run_mcp
