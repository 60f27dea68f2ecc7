"""``acp-agent routing evaluate``: the rubric measured on files of prompts.

Owns the command and how its figures look. Does not own the figures (``measure``) nor the
files' format (``examples``).
"""

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acp_agent.cli.routing.baselines import find_litellm
from acp_agent.cli.routing.examples import read_examples
from acp_agent.cli.routing.measure import RANDOM, Apgr, Measured, decide_all, measure_file
from acp_agent.cli.routing.place import weights_from
from acp_agent.cli.routing.progress import follow
from acp_agent.cli.routing.tables import as_percent, print_table
from acp_agent.errors import InvalidParams


def evaluate(arguments: Namespace) -> None:
    """Prints the figures of each file and their mean; writes the scores where wanted.

    Raises:
        InvalidParams: a file cannot be read or written, or holds something else.
        ConfigError: the file of weights holds none.
    """
    weights = weights_from(arguments.weights)
    files = [(path.name, read_examples(path)) for path in arguments.files]
    decided = [
        decide_all(name, examples, weights, arguments.setting or "balanced", arguments.threshold)
        for name, examples in files
    ]
    if arguments.scores_out is not None:
        scores = [decision.score for decisions in decided for decision in decisions]
        _write_scores(arguments.scores_out, scores)
    litellm, reason = None, ""
    if any(each.outcomes is not None for _, examples in files for each in examples):
        litellm, reason = find_litellm()
    pairs = zip(files, decided, strict=True)
    measured = [
        _measure(name, examples, decisions, litellm)
        for (name, examples), decisions in follow(pairs, len(files), "Measuring files")
    ]
    if arguments.json:
        print(json.dumps(_as_json(measured, reason), indent=2))
    else:
        _print(measured, reason)


def _measure(name: str, *rest: Any) -> Measured:
    try:
        return measure_file(name, *rest)
    except InvalidParams as error:
        raise InvalidParams(f"{name}: {error.message}") from error


def _write_scores(path: Path, scores: Sequence[float]) -> None:
    try:
        path.write_text("".join(f"{score!r}\n" for score in scores), encoding="ascii")
    except OSError as error:
        raise InvalidParams(f"{path} cannot be written: {error.strerror}.") from error
    print(f"{len(scores)} scores written to {path}.", file=sys.stderr)


def _print(measured: Sequence[Measured], reason: str) -> None:
    known = [(each.name, each.apgr) for each in measured if each.apgr is not None]
    for each in measured:
        if each.apgr is None and not each.errors:
            print(f"{each.name}: no line has weak and strong or expected, so nothing is measured.")
    for name, apgr in known:
        count = next(len(each.decisions) for each in measured if each.name == name)
        if apgr.prompts < count:
            print(f"{name}: {count - apgr.prompts} of {count} lines have no weak and strong.")
    if known:
        _print_apgr(known, reason)
    if any(each.errors for each in measured):
        if known:
            print()
        _print_errors(measured)


def _print_apgr(known: Sequence[tuple[str, Apgr]], reason: str) -> None:
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(apgr.prompts),
            f"{apgr.weak:.3f}",
            f"{apgr.strong:.3f}",
            f"{apgr.rubric:.3f}",
            f"{apgr.low:.3f} to {apgr.high:.3f}",
            f"{apgr.length:.3f}",
            _optional(apgr.litellm),
        )
        for name, apgr in known
    ]
    if len(known) > 1:
        means = _means([apgr for _, apgr in known])
        figures = [_optional(means[key]) for key in ("rubric", "length", "litellm")]
        rows.append(("mean", "", "", "", figures[0], "", *figures[1:]))
    print_table(("APGR", "prompts", "weak", "strong", "rubric", "95 %", "length", "LiteLLM"), rows)
    print(f"A random order has {RANDOM:.3f}; length is that of the prompt in characters.")
    samples = sorted({apgr.samples for _, apgr in known})
    print(f"Intervals are of {' or '.join(map(str, samples))} bootstrap samples.")
    if reason:
        print(f"LiteLLM's complexity router is left out: {reason}.")


def _print_errors(measured: Iterable[Measured]) -> None:
    print_table(
        ("labels", "split", "light", "falsely delegated", "heavy", "missed"),
        (
            (
                each.name,
                errors.split,
                str(errors.light),
                f"{errors.falsely_delegated} {as_percent(errors.falsely_delegated, errors.light)}",
                str(errors.heavy),
                f"{errors.missed} {as_percent(errors.missed, errors.heavy)}",
            )
            for each in measured
            for errors in each.errors
        ),
        texts=2,
    )


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _means(known: Sequence[Apgr]) -> dict[str, float | None]:
    columns = {
        "rubric": [each.rubric for each in known],
        "length": [each.length for each in known],
        "litellm": [each.litellm for each in known if each.litellm is not None],
        "random": [each.random for each in known],
    }
    return {name: sum(some) / len(some) if some else None for name, some in columns.items()}


def _as_json(measured: Sequence[Measured], reason: str) -> dict[str, Any]:
    known = [each.apgr for each in measured if each.apgr is not None]
    return {
        "files": [
            {
                "name": each.name,
                "prompts": len(each.decisions),
                "delegated": sum(decision.delegate for decision in each.decisions),
                "apgr": None if each.apgr is None else asdict(each.apgr),
                "errors": [asdict(errors) for errors in each.errors],
            }
            for each in measured
        ],
        "mean": _means(known) if known else None,
        "litellm_left_out": reason or None,
    }
