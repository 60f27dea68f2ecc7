"""The control tokens of Harmony, by what they mean.

Owns their spelling and finding them in a vocabulary. Does not own what follows from
them in a model's output (``parser``).
Source: https://cookbook.openai.com/articles/openai-harmony
"""

from collections.abc import Mapping
from enum import Enum

from acp_agent.errors import BackendError


class Mark(Enum):
    """A control token that structures messages."""

    START = "<|start|>"
    CHANNEL = "<|channel|>"
    CONSTRAIN = "<|constrain|>"
    MESSAGE = "<|message|>"
    END = "<|end|>"
    CALL = "<|call|>"
    RETURN = "<|return|>"


Marks = Mapping[int, Mark | None]
"""Every control token of a vocabulary by id; None for those without a meaning here."""


def find_marks(control_tokens: Mapping[str, int]) -> Marks:
    """The marks among ``control_tokens``, a vocabulary's special tokens with their ids.

    Raises:
        BackendError: some are missing, so the model does not speak Harmony.
    """
    missing = [mark.value for mark in Mark if mark.value not in control_tokens]
    if missing:
        raise BackendError(
            f"This model's tokenizer lacks {', '.join(missing)}, so it does not speak Harmony; "
            "choose a gpt-oss model."
        )
    by_text = {mark.value: mark for mark in Mark}
    return {token: by_text.get(text) for text, token in control_tokens.items()}
