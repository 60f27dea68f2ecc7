"""The tiny gpt-oss's tokenizer: a small byte-level BPE with Harmony's control tokens.

Owns its training and its files. Does not own prompts. The pattern that splits text is
that of the family's vocabulary, o200k.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE

VOCABULARY = 1536
CONTROLS = (
    "<|startoftext|>",
    "<|endoftext|>",
    "<|return|>",
    "<|constrain|>",
    "<|channel|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|call|>",
    "<|endofprompt|>",
)
ENDS = ("<|return|>", "<|call|>", "<|endoftext|>")
"""Where generation stops."""

_MARKUP = re.compile("|".join(map(re.escape, CONTROLS)))
_SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_PATTERN = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


def train_tokenizer(corpus: Iterable[str]) -> Tokenizer:
    """A tokenizer for texts like ``corpus``, in which control tokens may stand."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROLS),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    plain = (piece for text in corpus for piece in _MARKUP.split(text))
    tokenizer.train_from_iterator(plain, trainer)
    tokens = [AddedToken(text, special=True, normalized=False) for text in CONTROLS]
    tokenizer.add_special_tokens(tokens)  # pyright: ignore[reportUnknownMemberType]
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the files of ``tokenizer`` into ``folder``, named as in every MLX model."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|return|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def control_id(tokenizer: Tokenizer, text: str) -> int:
    """The id of the control token ``text``."""
    token = tokenizer.token_to_id(text)
    assert token is not None, text
    return token


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The tokens of ``text``; control tokens in it count as such."""
    return tokenizer.encode(text, add_special_tokens=False).ids
