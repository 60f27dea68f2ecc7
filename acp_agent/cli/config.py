"""``acp-agent config``: what is in force and from where, the file's place, its schema.

Owns the printed form. Does not own the settings.
"""

import argparse
import json
import os
import sys

from acp_agent.config.file import shown
from acp_agent.config.paths import Paths, find_paths
from acp_agent.errors import AgentError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of ``acp-agent config``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("check", help="check the configuration; print each setting and its origin")
    actions.add_parser("path", help="print where the configuration file is, or would be")
    actions.add_parser("schema", help="print the JSON Schema of the configuration file")


def run(arguments: argparse.Namespace) -> int:
    """Carries out ``arguments.action``; the exit status."""
    try:
        if arguments.action == "schema":
            from acp_agent.config.schema import schema_text

            print(schema_text(), end="")
        elif arguments.action == "path":
            print(find_paths().config_file)
        else:
            _check(find_paths())
    except AgentError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def _check(paths: Paths) -> None:
    from acp_agent.app.endpoints import describe_endpoints
    from acp_agent.app.panel_check import describe_faults
    from acp_agent.config.environment import misspelt_variables
    from acp_agent.config.load import load_settings

    loaded = load_settings(paths)
    note = "" if paths.config_file.exists() else " (not there; that is fine)"
    print(f"Configuration file: {shown(paths.config_file)}{note}")
    print(f"Log file: {shown(paths.log_file)}")
    print(f"Models: {shown(paths.models)}")
    print(f"Engine socket: {shown(paths.engine_socket)}")
    rows = [
        (f"{key} = {_value(loaded.settings, key)}", f"({origin})")
        for key, origin in loaded.origins.items()
    ]
    width = max(len(setting) for setting, _ in rows)
    for setting, origin in rows:
        print(f"{setting:<{width}}  {origin}")
    for line in describe_endpoints(loaded.settings, os.environ):
        print(line)
    for line in describe_faults(loaded.settings.panel, loaded.settings.endpoints):
        print(line)
    for name, close in misspelt_variables(os.environ).items():
        print(f"Environment variable {name} is not a setting; did you mean {close}?")


def _value(settings: object, key: str) -> str:
    from acp_agent.telemetry import mask_login

    value = settings
    for part in key.split("."):
        value = getattr(value, part)
    return "unset" if value is None else mask_login(json.dumps(value, ensure_ascii=False))
