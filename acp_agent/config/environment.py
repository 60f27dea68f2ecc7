"""Settings from environment variables.

Owns reading them. Does not own their names (``config/keys``) or precedence over the file
(``config/load``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from acp_agent.config.keys import KeyPath, setting_keys, variables_of
from acp_agent.config.settings import Settings
from acp_agent.errors import ConfigError


@dataclass(slots=True, frozen=True)
class Override:
    """One setting's value from the environment variable ``name``."""

    path: KeyPath
    value: object
    name: str


def read_overrides(environ: Mapping[str, str]) -> Iterator[Override]:
    """The settings that ``environ`` gives. An empty variable counts as not set.

    Raises:
        ConfigError: a value that its setting does not take; names the variable.
    """
    for path in setting_keys():
        for name in variables_of(path):
            text = environ.get(name, "").strip()
            if text:
                yield Override(path, _parse(path, name, text), name)
                break


def misspelt_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like a setting's but are none, each with the likely right name."""
    from difflib import get_close_matches

    names = [name for path in setting_keys() for name in variables_of(path)]
    ours = [name for name in environ if name.startswith("ACP_AGENT_") and name not in names]
    guesses = {name: get_close_matches(name, names, n=1, cutoff=0.85) for name in ours}
    return {name: close[0] for name, close in guesses.items() if close}


def _parse(path: KeyPath, name: str, text: str) -> object:
    """``text`` as the setting's type; words such as TRUE or Info may be in any case."""
    try:
        return _validated(path, text)
    except ValidationError as error:
        refused = error
    try:
        return _validated(path, text.lower())
    except ValidationError:
        from acp_agent.config.problems import find_problems

        [(_, sentence)] = find_problems(refused)
        raise ConfigError(f"Environment variable {name}: {sentence}") from None


def _validated(path: KeyPath, text: str) -> object:
    nested: object = text
    for key in reversed(path):
        nested = {key: nested}
    value: object = Settings.model_validate(nested)
    for key in path:
        value = getattr(value, key)
    return value
