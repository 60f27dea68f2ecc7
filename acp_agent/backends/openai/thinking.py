"""Which thought levels a model offers, and which of them are sent.

Owns the mapping between our levels and ``reasoning_effort``. Servers do not tell whether a
model thinks, nor what it can be told: only gpt-oss is known by its name to take levels, and
cannot be silenced. llama.cpp takes the field since b10434 and ignored it before.
"""

import re

LEVELS = ("low", "medium", "high")
DEFAULT_LEVEL = "medium"
"""gpt-oss's own."""

_TAKES_LEVELS = re.compile(r"gpt[-_]?oss(?![a-z])", re.IGNORECASE)


def thought_levels(model_id: str) -> tuple[str, ...]:
    """The levels to choose from, lowest first; empty where none are known."""
    return LEVELS if _TAKES_LEVELS.search(model_id) else ()


def effort(level: str | None) -> str | None:
    """The ``reasoning_effort`` to send for ``level``, which may be another mode's; None to
    leave the field away."""
    return level if level in LEVELS else None
