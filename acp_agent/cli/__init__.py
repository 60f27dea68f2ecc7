"""The command line: ``acp-agent`` serves an editor, its subcommands serve a person.

Owns which subcommand runs. Does not own what they do; each is a module that is imported
only when it is called, because an editor waits for the start.
"""

import os
import sys

_COMMANDS = {
    "run": "print one answer and exit",
    "chat": "talk to your models in the terminal",
    "demo": "watch an answer stream and a second one being cancelled",
    "models": "list, install and remove models",
    "engine": "run the engine that serves local MLX models",
    "config": "check the configuration",
    "telemetry": "show, export or clear the figures of past turns",
    "routing": "show, measure and tune what mode auto decides",
    "bench": "measure an installed model on this machine",
    "mythos": "compare how deep OpenMythos is run",
    "mcp": "serve the local GPT-OSS to other agents as an MCP server",
    "serve": "serve an editor on stdin and stdout (what `acp-agent` alone does)",
}


def main() -> int:
    """The console script; returns the exit status."""
    arguments = sys.argv[1:]
    if not arguments and _is_terminal():
        print(_introduction())
        return 0
    if arguments in ([], ["serve"]):
        from acp_agent.cli.serve import serve

        return serve()
    if arguments[0] in ("-V", "--version"):
        from acp_agent import __version__

        print(f"acp-agent {__version__}")
        return 0
    return _run_command(arguments)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _introduction() -> str:
    command = installed_command().replace("\\", "\\\\")
    lines = [
        "acp-agent puts your own language models behind an editor that speaks the Agent",
        "Client Protocol. An editor starts it; in a terminal, try one of these:",
        "",
        *(f"  acp-agent {name:<11}{text}" for name, text in _COMMANDS.items()),
        "",
        "Zed: add to settings.json",
        f'  "agent_servers": {{"acp-agent": {{"type": "custom", "command": "{command}"}}}}',
    ]
    return "\n".join(lines)


def installed_command() -> str:
    """What an editor has to start: the full path of this installation's command."""
    script = os.path.join(os.path.dirname(sys.executable), "acp-agent")
    return script if os.path.exists(script) else "acp-agent"


def _run_command(arguments: list[str]) -> int:
    import argparse
    from importlib import import_module

    from acp_agent.errors import AgentError

    parser = argparse.ArgumentParser(
        prog="acp-agent", description="Your own models behind any editor that speaks ACP."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, text in _COMMANDS.items():
        description = f"{text[0].upper()}{text[1:]}."
        subparser = subparsers.add_parser(name, help=text, description=description)
        if name == wanted and name != "serve":
            import_module(f"acp_agent.cli.{name}").add_arguments(subparser)
    parsed = parser.parse_args(arguments)
    try:
        status = import_module(f"acp_agent.cli.{parsed.command}").run(parsed)
        sys.stdout.flush()
        return status
    except AgentError as error:
        print(f"acp-agent: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `| head` has read enough; what is still buffered must not fail at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
