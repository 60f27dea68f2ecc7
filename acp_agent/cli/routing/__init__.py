"""``acp-agent routing``: what mode ``auto`` decided, and tuning it with evidence.

Owns the command line. Does not own what its actions do (``report``, ``replays``,
``evaluate``, ``calibrate``), nor figures and decisions themselves (package ``routing``).
"""

import argparse
import math
from pathlib import Path

from acp_agent.errors import AgentError
from acp_agent.routing.rubric import SETTINGS

SHOWN = 20
"""Changes shown unless told otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions on ``parser``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    report = actions.add_parser("report", help="figures of the decisions in the log")
    report.add_argument("-n", type=_count, metavar="N", help="of the last N decisions (all)")
    report.add_argument("--json", action="store_true", help="print JSON")
    replay = actions.add_parser("replay", help="take the logged decisions again")
    _add_rubric(replay)
    replay.add_argument(
        "-n", type=_count, default=SHOWN, metavar="N", help=f"changes shown (default: {SHOWN})"
    )
    replay.add_argument("--json", action="store_true", help="print JSON")
    evaluate = actions.add_parser("evaluate", help="measure the rubric on files of prompts")
    evaluate.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="JSONL of prompt, weak, strong"
    )
    evaluate.add_argument(
        "--scores-out", type=Path, metavar="PATH", help="write the rubric's score of each prompt"
    )
    _add_rubric(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    calibrate = actions.add_parser("calibrate", help="propose a threshold of your own")
    calibrate.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="JSONL of prompts (default: the log)"
    )
    calibrate.add_argument(
        "--share", type=_unit, metavar="S", help="for this share of delegations, 0 to 1"
    )
    what = calibrate.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="keep the proposed threshold")
    what.add_argument("--reset", action="store_true", help="take a kept threshold back")
    actions.add_parser("clear", help="delete all logged decisions")


def run(arguments: argparse.Namespace) -> int:
    """Carries out ``arguments.action``; the exit status.

    Raises:
        AgentError: a file cannot be read, written or deleted, or holds something else.
    """
    match arguments.action:
        case "report":
            from acp_agent.cli.routing.report import show_report

            show_report(arguments.n, as_json=arguments.json)
        case "replay":
            from acp_agent.cli.routing.replays import show_replay

            show_replay(arguments)
        case "evaluate":
            from acp_agent.cli.routing.evaluate import evaluate

            evaluate(arguments)
        case "calibrate":
            from acp_agent.cli.routing.calibrate import calibrate

            calibrate(arguments)
        case _:
            _clear()
    return 0


def _add_rubric(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--threshold", type=_unit, metavar="X", help="score from which on, 0 to 1")
    which.add_argument("--setting", choices=SETTINGS, help="the threshold of this setting")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="other weights")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _unit(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def _clear() -> None:
    from acp_agent.cli.routing.place import open_log

    log = open_log()
    count = len(log.all())
    try:
        log.clear()
    except OSError as error:
        raise AgentError(f"The decisions cannot be deleted: {error.strerror}.") from error
    print(f"{count} decision{'' if count == 1 else 's'} deleted.")
