"""The tokenizer of a GGUF file as the files that ``tokenizers`` and mlx_lm read.

Owns ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``. Does not
own weights (``gguf``). Only byte-level BPE with SmolLM's splitting is known: each digit
by itself, then GPT-2's pattern (``tokenizer.ggml.pre`` = ``smollm``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

CONTROL_TOKEN: Final = 3
"""GGUF's token type of markup that no plain text should become."""


class UnsupportedGguf(ValueError):
    """The file is not of the kind that can be converted; the text says in what."""


class Metadata:
    """Typed reading of a GGUF file's key-value pairs."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def has(self, key: str) -> bool:
        """Whether ``key`` is there."""
        return key in self._values

    def text(self, key: str) -> str:
        """A string."""
        value = self._get(key)
        if not isinstance(value, str):
            raise UnsupportedGguf(f"{key} is not a string")
        return value

    def integer(self, key: str) -> int:
        """A whole number."""
        value = self._get(key)
        if not isinstance(value, int):
            raise UnsupportedGguf(f"{key} is not a whole number")
        return value

    def number(self, key: str) -> float:
        """A number."""
        value = self._get(key)
        if not isinstance(value, int | float):
            raise UnsupportedGguf(f"{key} is not a number")
        return float(value)

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        return cast("list[str]", self._list(key))

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers."""
        return cast("list[int]", self._list(key))

    def _list(self, key: str) -> list[object]:
        value = self._get(key)
        if not isinstance(value, list):
            raise UnsupportedGguf(f"{key} is not a list")
        return cast("list[object]", value)

    def _get(self, key: str) -> object:
        try:
            return self._values[key]
        except KeyError:
            raise UnsupportedGguf(f"{key} is missing") from None


def write_tokenizer(target: Path, metadata: Metadata) -> None:
    """Writes the tokenizer's files into the folder ``target``.

    Raises:
        UnsupportedGguf: another kind of tokenizer.
    """
    build_tokenizer(metadata).save(str(target / "tokenizer.json"))
    tokens = metadata.texts("tokenizer.ggml.tokens")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[metadata.integer("tokenizer.ggml.bos_token_id")],
        "eos_token": tokens[metadata.integer("tokenizer.ggml.eos_token_id")],
        "pad_token": tokens[metadata.integer("tokenizer.ggml.padding_token_id")],
        "unk_token": tokens[metadata.integer("tokenizer.ggml.unknown_token_id")],
        "clean_up_tokenization_spaces": False,
        "model_max_length": metadata.integer("llama.context_length"),
    }
    path = target / "tokenizer_config.json"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    template = metadata.text("tokenizer.chat_template")
    (target / "chat_template.jinja").write_text(template, encoding="utf-8")


def build_tokenizer(metadata: Metadata) -> Tokenizer:
    """The tokenizer with the file's own ids, merges and control tokens.

    There is no unknown token in the BPE itself: a byte that the vocabulary lacks is
    dropped, because a control token in its place would let plain text make markup.
    """
    kind = metadata.text("tokenizer.ggml.model"), metadata.text("tokenizer.ggml.pre")
    if kind != ("gpt2", "smollm"):
        raise UnsupportedGguf(f"the tokenizer {kind[0]}/{kind[1]} is not known")
    tokens = metadata.texts("tokenizer.ggml.tokens")
    types = metadata.integers("tokenizer.ggml.token_type")
    merges = [_pair(merge) for merge in metadata.texts("tokenizer.ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(  # pyright: ignore[reportUnknownMemberType]: untyped list
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind == CONTROL_TOKEN
        ]
    )
    return tokenizer


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right
