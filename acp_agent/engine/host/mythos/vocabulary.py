"""The tokenizer of a model, from files on this machine.

Owns reading it, how many tokens a model needs rows for, and the tokens that end an answer.
Does not own the chat format (``chat``). Nothing is downloaded.
"""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.formats.vocabulary import find_end_tokens
from acp_agent.harmony.marks import Mark

HARMONY_SIZE = 201088
"""Rows that gpt-oss's models have: its tokenizer's, with reserved ones up to the last."""

_HARMONY_BASE = 199998
"""Tokens of gpt-oss's tokenizer without special ones."""
_END_NAMES = ("<|endoftext|>", "<|return|>", "<|im_end|>", "<|end|>", "<|eot_id|>", "</s>")


@dataclass(slots=True, frozen=True)
class Vocabulary:
    """A tokenizer, which finds no special token in plain text.

    ``size`` is above every token, ``base_size`` above those that plain text consists of.
    """

    tokenizer: Tokenizer
    size: int
    base_size: int
    end_tokens: frozenset[int]

    def encode(self, text: str) -> list[int]:
        """The tokens of ``text``."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: list[int]) -> str:
        """The text of ``tokens`` without special ones."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)


def load_vocabulary(path: Path | None) -> Vocabulary:
    """The tokenizer in ``path``, a folder with a ``tokenizer.json`` or such a file.

    Raises:
        ApiError: 400, none was named, or it cannot be read.
    """
    if path is None:
        raise _unusable(
            "There is no tokenizer for mode mythos: set mythos.tokenizer (or OPENMYTHOS_TOKENIZER) "
            "to a folder or a tokenizer.json, or install a gpt-oss model, whose tokenizer is taken "
            "then."
        )
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise _unusable("There is no tokenizer.json where mythos.tokenizer points; correct that.")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        # The library raises plain Exception for a file that is broken.
        raise _unusable(
            "The file that mythos.tokenizer names is no tokenizer.json that can be read."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return _describe(file.parent, tokenizer)


def _describe(folder: Path, tokenizer: Tokenizer) -> Vocabulary:
    base = max(tokenizer.get_vocab(with_added_tokens=False).values(), default=-1) + 1
    size = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    if base >= _HARMONY_BASE and all(tokenizer.token_to_id(mark.value) for mark in Mark):
        size = max(size, HARMONY_SIZE)
    named = {id for name in _END_NAMES if (id := tokenizer.token_to_id(name)) is not None}
    return Vocabulary(tokenizer, size, base, find_end_tokens(folder, tokenizer) | named)


def _unusable(message: str) -> ApiError:
    return ApiError(400, "no_tokenizer", message, param="mythos.tokenizer")
