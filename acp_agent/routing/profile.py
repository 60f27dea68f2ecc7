"""The user's own threshold, found by ``acp-agent routing calibrate``: a small file.

Owns the file's shape, reading and writing. Does not own how a threshold is found
(``calibration``) nor when one is written: the user says so.
"""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acp_agent.config.paths import private_folder
from acp_agent.errors import ConfigError
from acp_agent.routing.lexicon import load_lexicon
from acp_agent.routing.rubric import Weights

VERSION = 1
_REMEDY = "Make it anew or take it back with `acp-agent routing calibrate` (--write, --reset)."
_SIZE = 64 * 1024


class Profile(BaseModel):
    """The threshold of the setting ``balanced``, and where it comes from.

    ``when`` is ISO 8601 in UTC, ``decisions`` how many decisions or prompts it was found
    from, ``method`` a sentence, ``weights`` the fingerprint of the weights whose score it is
    compared with.
    """

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    version: Literal[1] = VERSION
    threshold: float = Field(ge=0, le=1)
    when: str
    decisions: int = Field(ge=0)
    method: str
    weights: str


def fingerprint(weights: Weights) -> str:
    """Tells ``weights`` from others whose scores mean something else."""
    parts = [weights.weights, weights.at_work, load_lexicon()]
    text = json.dumps([weights.bias, *(sorted(part.items()) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_profile(path: Path, weights: Weights | None = None) -> Profile | None:
    """The profile in the file at ``path``; None where there is none.

    Args:
        weights: those in force; a profile that was made for others is refused.

    Raises:
        ConfigError: it cannot be read or does not fit; the sentence says what to do.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_SIZE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"The routing profile {path.name} cannot be read ({error.strerror}). {_REMEDY}"
        ) from error
    try:
        profile = Profile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"{place}: {first['msg']}" if place else first["msg"]
        raise ConfigError(
            f"The routing profile {path.name} is not used ({fault}). {_REMEDY}"
        ) from error
    if weights is not None and profile.weights != fingerprint(weights):
        raise ConfigError(
            f"The routing profile {path.name} is not used: its threshold was found for other "
            f"weights. {_REMEDY}"
        )
    return profile


def save_profile(path: Path, profile: Profile) -> None:
    """Writes ``profile`` to the file at ``path``, whole or not at all; for this user only.

    Raises:
        OSError: it cannot be written.
    """
    private_folder(path.parent)
    made = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as text:
            text.write(profile.model_dump_json(indent=2) + "\n")
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)


def remove_profile(path: Path) -> bool:
    """Deletes the file at ``path``; whether there was one.

    Raises:
        OSError: it cannot be deleted.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
