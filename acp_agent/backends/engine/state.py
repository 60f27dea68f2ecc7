"""What the engine does with a model, in words; pure.

Owns the wording of states in mode descriptions. Does not own asking the engine.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def describe_state(status: Mapping[str, Any], model: str) -> str:
    """What the engine with ``status`` does with ``model``, in a sentence; empty for nothing."""
    entries: Sequence[Mapping[str, Any]] = status.get("models") or ()
    entry = next((each for each in entries if each.get("id") == model), None)
    if entry is None:
        return ""
    if entry.get("state") == "loading":
        done, total = entry.get("loaded_bytes", 0), entry.get("total_bytes", 0)
        return f"It is being loaded ({100 * done // total} %)." if total else "It is being loaded."
    running, waiting = entry.get("sequences", 0), status.get("queued_requests", 0)
    if not running:
        return "It is in memory."
    others = f", {waiting} wait" if waiting else ""
    return f"It answers {running} prompt{'s' if running > 1 else ''} now{others}."
