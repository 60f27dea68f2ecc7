"""``acp-agent models``: list, install, find, check and remove local models.

Owns the command line. Does not own what its subcommands do (``changes``, ``views``) or how
progress looks (``progress``).
"""

import argparse
import os
import sys

from acp_agent.errors import AgentError, InstallError

_OUTPUT_LINES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands on ``parser``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what is installed and what can be")
    actions.add_parser("recommend", help="which models fit this machine, and why")
    found: dict[str, argparse.ArgumentParser] = {}
    for name, description in (
        ("install", "download a model, check it, and prepare it for MLX"),
        ("path", "print the folder of an installed model"),
        ("verify", "compare an installed model with its checksums"),
        ("remove", "delete an installed model, or an unfinished download"),
        ("check-template", "compare the prompts of an installed gpt-oss model with known ones"),
    ):
        action = actions.add_parser(name, help=description, description=description)
        action.add_argument("id", help="the model's id, as `models list` shows it")
        found[name] = action
    found["install"].add_argument(
        "--accept-license",
        "--accept-licence",
        dest="accept_licence",
        action="store_true",
        help="accept the licence that is shown, without a question",
    )
    found["verify"].add_argument(
        "--repair", action="store_true", help="fetch again what is broken, and nothing else"
    )


def run(arguments: argparse.Namespace) -> int:
    """Does what ``arguments`` say; the exit status."""
    try:
        status = _act(arguments)
        sys.stdout.flush()
        return status
    except AgentError as error:
        complain(error.message)
        if isinstance(error, InstallError):
            _print_tail(error.output)
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        complain(f"The models folder cannot be used: {error}.")
    return 1


def complain(message: str) -> None:
    """Prints ``message`` where errors go."""
    print(f"acp-agent: {message}", file=sys.stderr)


def _act(arguments: argparse.Namespace) -> int:
    from acp_agent.cli.models import changes, views
    from acp_agent.cli.models.place import find_place

    place = find_place()
    match arguments.action:
        case "list":
            return views.show_list(place)
        case "recommend":
            return views.show_recommendations(place)
        case "path":
            return views.show_path(place, arguments.id)
        case "check-template":
            return views.check_template(place, arguments.id)
        case "install":
            return changes.install_model(place, arguments.id, arguments.accept_licence)
        case "verify":
            return changes.verify_model(place, arguments.id, is_repair=arguments.repair)
        case _:
            return changes.remove_model(place, arguments.id)


def _print_tail(output: str) -> None:
    lines = [line for line in output.splitlines() if line.strip()]
    for line in lines[-_OUTPUT_LINES:]:
        print(f"  {line}", file=sys.stderr)
