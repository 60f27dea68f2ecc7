"""The file of weights: reading and checking it.

Owns ``weights.json``'s format. Does not own what the weights mean (``rubric``), how they
were found (the file's own ``provenance``), nor where a user's profile lies.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from acp_agent.errors import ConfigError
from acp_agent.routing.features import NAMES
from acp_agent.routing.rubric import SETTINGS, Weights

FORMAT = 1
"""The version of the file's format that is read."""

_PACKAGED = Path(__file__).with_name("weights.json")


def load_weights(path: Path = _PACKAGED) -> Weights:
    """The weights in the file at ``path``, by default the packaged ones.

    Raises ConfigError where the file cannot be read or does not fit this version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The routing weights in {path.name} cannot be read.") from error
    return parse_weights(text, path.name)


def parse_weights(text: str, name: str = "weights.json") -> Weights:
    """Like ``load_weights``, from the file's text; ``name`` is for the error."""
    try:
        data: Any = json.loads(text)
        weights = Weights(
            version=data["version"],
            bias=_number(data["bias"]),
            weights={key: _number(data["weights"][key]) for key in NAMES},
            at_work={key: _number(weight) for key, weight in data["at_work"].items()},
            thresholds=tuple(
                (_number(p["share"]), _number(p["score"])) for p in data["thresholds"]
            ),
            shares={setting: _number(data["settings"][setting]) for setting in SETTINGS},
            near=_number(data["near"]),
        )
        unknown = sorted({*data["weights"], *data["at_work"]} - set(NAMES))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{name} is no file of routing weights: {error}.") from error
    problem = _find_problem(weights, unknown)
    if problem:
        raise ConfigError(f"{name} cannot be used: {problem} Calibrate it again.")
    return weights


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is missing")
    if not abs(value) < 1000:
        raise ValueError("a number is too large")
    return float(value)


def _find_problem(weights: Weights, unknown: list[str]) -> str | None:
    if weights.version != FORMAT:
        return f"its version is not {FORMAT}."
    if unknown:
        return f"it weighs features that are not known ({', '.join(unknown[:3])})."
    pairs = weights.thresholds
    if not pairs or any(a[0] >= b[0] or a[1] < b[1] for a, b in pairwise(pairs)):
        return "its thresholds must fall while their shares rise."
    return None
