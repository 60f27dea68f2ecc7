"""``acp-agent routing replay``: what would change with another threshold or other weights.

Owns how it looks. Does not own the replay (``routing/replay``).
"""

import json
from argparse import Namespace
from typing import Any

from acp_agent.cli.routing.place import read_decisions, weights_from
from acp_agent.cli.routing.tables import as_percent, print_table
from acp_agent.errors import InvalidParams
from acp_agent.routing.replay import Change, Replay, Verdicts, find_complaint, replay
from acp_agent.routing.rubric import Decision

_ID = 8
"""Letters of an id that are shown."""


def show_replay(arguments: Namespace) -> None:
    """Prints the replay of the whole log.

    Raises:
        InvalidParams: nothing is to be other than it was.
        ConfigError: the file of weights holds none.
    """
    if arguments.threshold is None and arguments.setting is None and arguments.weights is None:
        raise InvalidParams(
            "Say what is to be tried: --threshold X, --setting NAME, --weights FILE."
        )
    weights = weights_from(arguments.weights)
    found = replay(
        read_decisions(), weights, setting=arguments.setting, threshold=arguments.threshold
    )
    if arguments.json:
        print(json.dumps(_as_json(found), indent=2))
    elif not found.decisions:
        print("No prompt's decision is logged yet.")
    else:
        print_replay(found, arguments.n)


def print_replay(found: Replay, shown: int) -> None:
    """Prints ``found`` with its newest ``shown`` changes."""
    left_out = f" ({found.left_out} tool calls are left out)" if found.left_out else ""
    plural = "" if found.decisions == 1 else "s"
    print(f"{found.decisions} decision{plural} on prompts taken again{left_out}.")
    before = as_percent(found.delegated_before, found.decisions)
    now = as_percent(found.delegated_now, found.decisions)
    print(
        f"To the big model: {found.delegated_before} ({before}), now {found.delegated_now} ({now})."
    )
    print(f"Changes: {found.to_big} to the big model, {found.to_small} to the small one.")
    print(f"Marked wrong: {_of(found.wrong)} put right.")
    print(f"Overridden by hand: {_of(found.overridden)} put right.")
    print(f"Nobody objected: {_of(found.accepted)} come out otherwise.")
    if not found.changes or not shown:
        return
    newest = found.changes[-shown:]
    print()
    print_table(
        ("when", "id", "was", "now", "said", "reason now", "score"),
        (_row(change) for change in newest),
        texts=6,
    )
    if len(newest) < len(found.changes):
        print(f"{len(newest)} of {len(found.changes)} changes shown, the newest.")


def _of(verdicts: Verdicts) -> str:
    return f"{verdicts.changed} of {verdicts.decisions}"


def _name(delegate: bool) -> str:
    return "big" if delegate else "small"


def _row(change: Change) -> tuple[str, ...]:
    record = change.logged.record
    return (
        record.when[:16].replace("T", " "),
        record.id[:_ID],
        _name(record.decision.delegate),
        _name(change.now.delegate),
        find_complaint(change.logged) or "",
        change.now.reason,
        f"{change.now.score:.3f}",
    )


def _as_json(found: Replay) -> dict[str, Any]:
    return {
        "decisions": found.decisions,
        "left_out": found.left_out,
        "delegated_before": found.delegated_before,
        "delegated_now": found.delegated_now,
        "to_big": found.to_big,
        "to_small": found.to_small,
        **{
            name: {"decisions": verdicts.decisions, "changed": verdicts.changed}
            for name, verdicts in (
                ("wrong", found.wrong),
                ("overridden", found.overridden),
                ("accepted", found.accepted),
            )
        },
        "changes": [
            {
                "id": change.logged.record.id,
                "when": change.logged.record.when,
                "complaint": find_complaint(change.logged),
                "before": _side(change.logged.record.decision),
                "now": _side(change.now),
            }
            for change in found.changes
        ],
    }


def _side(decision: Decision) -> dict[str, Any]:
    names = ("delegate", "score", "threshold", "reason_code", "reason")
    return {name: getattr(decision, name) for name in names}
