"""The names of the settings: their keys, and the environment variables that override them.

Owns both namings. Does not own values.
"""

import json
import re
from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel

from acp_agent.config.settings import Settings

KeyPath = tuple[str, ...]
"""A key with the tables it lies in, outermost first."""

_CUSTOMARY_VARIABLES: dict[KeyPath, tuple[str, ...]] = {
    ("ollama", "base_url"): ("OLLAMA_BASE_URL", "OLLAMA_HOST"),
    ("ollama", "think"): ("OLLAMA_THINK",),
    ("openai", "base_url"): ("OPENAI_BASE_URL",),
    **{
        ("mythos", name): (f"OPENMYTHOS_{name.upper()}",)
        for name in ("variant", "checkpoint", "n_loops", "device", "tokenizer")
    },
}
"""Names that other programs use too, the stronger first; ours are stronger than these."""


def setting_keys(model: type[BaseModel] = Settings, above: KeyPath = ()) -> Iterator[KeyPath]:
    """The key of every setting in ``model``, in the order of declaration.

    Tables that the user names (``named_tables``) are left out.
    """
    for name, field in model.model_fields.items():
        path = (*above, name)
        section = field.annotation
        if get_origin(section) is dict:
            continue
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from setting_keys(section, path)
        else:
            yield path


def named_tables() -> dict[KeyPath, tuple[str, ...]]:
    """The tables whose keys the user chooses, each with the settings of one such key."""
    found: dict[KeyPath, tuple[str, ...]] = {}
    for name, field in Settings.model_fields.items():
        if get_origin(field.annotation) is dict:
            _, section = get_args(field.annotation)
            found[(name,)] = tuple(section.model_fields)
    return found


def variables_of(path: KeyPath) -> tuple[str, ...]:
    """The environment variables that set ``path``, the strongest first."""
    own = "_".join(("ACP_AGENT", *path)).upper()
    return (own, *_CUSTOMARY_VARIABLES.get(path, ()))


def dotted(path: KeyPath) -> str:
    """``path`` as TOML writes a dotted key, on one line and in printable characters."""
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part) for part in path
    )
