"""``acp-agent engine``: runs the engine in the foreground.

Owns the command's options. Does not own the engine (``engine.host``), which the agent
starts by itself, with this command, when a prompt needs it.
"""

from argparse import ArgumentParser, Namespace

from acp_agent.engine.launch import explain_unsupported
from acp_agent.errors import AgentError


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the engine's options to ``parser``."""
    from acp_agent.engine.host import options

    options.add_arguments(parser)


def run(arguments: Namespace) -> int:
    """Serves until idle or interrupted; the log goes to stderr.

    Raises:
        AgentError: the engine cannot run here, or another one does.
    """
    if reason := explain_unsupported():
        raise AgentError(reason)
    from acp_agent.engine.host import options, process

    return process.run(options.read_options(arguments))
