"""Which format a model speaks.

Owns the choice. Does not own the formats.
"""

from pathlib import Path

from tokenizers import Tokenizer

from acp_agent.engine.folder import read_model_type
from acp_agent.engine.host.formats.base import ChatFormat
from acp_agent.engine.host.formats.harmony import HarmonyFormat
from acp_agent.engine.host.formats.plain import PlainFormat
from acp_agent.engine.host.formats.vocabulary import load_tokenizer
from acp_agent.harmony.marks import Mark

_HARMONY_MODEL = "gpt_oss"


def load_format(folder: Path) -> ChatFormat:
    """The format of the model in ``folder``; reads its small files only.

    Raises:
        ApiError: 400, files are missing or broken, or the model is no chat model.
    """
    tokenizer = load_tokenizer(folder)
    if read_model_type(folder) == _HARMONY_MODEL or _speaks_harmony(tokenizer):
        return HarmonyFormat(folder, tokenizer)
    return PlainFormat(folder, tokenizer)


def _speaks_harmony(tokenizer: Tokenizer) -> bool:
    special = {t.content for t in tokenizer.get_added_tokens_decoder().values() if t.special}
    return all(mark.value in special for mark in Mark)
