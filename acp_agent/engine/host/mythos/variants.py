"""The sizes of OpenMythos, and the configuration of one.

Owns which variants there are. Does not own their weights (``checkpoint``, ``weights``). A
developer may add variants: the environment variable ``ACP_AGENT_MYTHOS_VARIANTS`` names a
JSON file of the form ``{NAME: {FIELD: VALUE}}`` with fields of ``MythosConfig``; it is for
tests with small models, and unset in normal use.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from acp_agent.config.mythos_settings import MythosVariant
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos.library import load_open_mythos
from acp_agent.errors import AgentError

VARIABLE = "ACP_AGENT_MYTHOS_VARIANTS"
"""Names the file with further variants."""

Variants = Mapping[str, Mapping[str, Any]]
"""Fields of ``MythosConfig`` by the name of a variant."""


def read_variants(environ: Mapping[str, str]) -> Variants:
    """The variants that ``environ`` adds, mostly none.

    Raises:
        AgentError: the file cannot be used; for the terminal.
    """
    name = environ.get(VARIABLE)
    if not name:
        return {}
    try:
        found: object = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AgentError(f"{VARIABLE} must name a JSON file that can be read.") from error
    if not isinstance(found, dict):
        raise AgentError(f"The file that {VARIABLE} names must hold a JSON object.")
    added = cast("dict[str, Any]", found)
    if not all(isinstance(fields, dict) for fields in added.values()):
        raise AgentError(f"Each variant in the file that {VARIABLE} names must be a JSON object.")
    return added


def check_variant(name: str, added: Variants) -> None:
    """Returns if there is a variant called ``name``.

    Raises:
        ApiError: 404, there is none; the message names those that there are.
    """
    known = (*get_args(MythosVariant), *added)
    if name not in known:
        message = f"There is no variant {name!r} of OpenMythos; take one of {', '.join(known)}."
        raise ApiError(404, "model_not_found", message, param="model")


def make_config(name: str, added: Variants) -> Any:
    """A new ``MythosConfig`` of variant ``name``, whose vocabulary is still to be set.

    Raises:
        ApiError: as ``check_variant``; 400, an added variant has fields that do not exist.
    """
    check_variant(name, added)
    package = load_open_mythos()
    if name not in added:
        return getattr(package, name)()
    try:
        return package.MythosConfig(**added[name])
    except TypeError as error:
        message = f"Variant {name!r} has fields that MythosConfig does not know."
        raise ApiError(400, "invalid_variant", message, param="model") from error
