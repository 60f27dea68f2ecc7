"""Which thought levels a model offers, and what ``think`` is sent for them.

Owns the mapping between our levels and Ollama's ``think``. Does not own capabilities.
Facts (Ollama, ``docs/capabilities/thinking.mdx``, ``server/routes.go``): unset means on
for thinking models; a truthy value is refused for others; gpt-oss ignores booleans and
cannot be silenced.
"""

from typing import Literal

Think = bool | Literal["low", "medium", "high"]

_LEVELS: tuple[Literal["low", "medium", "high"], ...] = ("low", "medium", "high")
_SWITCH = ("off", "on")


def thought_levels(thinks: bool, is_gpt_oss: bool) -> tuple[str, ...]:
    """The levels to choose from, lowest first; empty for a model that does not think."""
    if not thinks:
        return ()
    return _LEVELS if is_gpt_oss else _SWITCH


def default_level(levels: tuple[str, ...], configured: Think) -> str | None:
    """The level in ``levels`` that the setting ``think`` means; None without levels."""
    if not levels:
        return None
    if levels == _SWITCH:
        return "on" if configured else "off"
    return _graded(configured)


def think_value(levels: tuple[str, ...], chosen: str | None, configured: Think) -> Think | None:
    """The value of ``think`` to send; None means that the field stays away.

    ``chosen`` may be a level of another model (the user changed models): it is taken for
    the nearest one. A configured level goes to models with a mere switch as well, because
    some of them grade it (``reasoning_effort``) and the others take it for on.
    """
    if not levels:
        return None
    if chosen in _LEVELS:
        return chosen
    if levels == _SWITCH:
        wanted = chosen or default_level(levels, configured)
        return (configured or True) if wanted == "on" else False
    return _LEVELS[0] if chosen == "off" else _graded(configured or chosen == "on")


def _graded(configured: Think) -> Literal["low", "medium", "high"]:
    if isinstance(configured, str):
        return configured
    return "medium" if configured else "low"
