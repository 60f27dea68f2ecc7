"""What a model's folder says of its tokens.

Owns reading the tokenizer, the tokens that end an answer and the vocabulary's size, for
all formats. Does not own the chat template, nor what is encoded. Importing transformers'
tokenizers takes seconds; ``tokenizers`` reads the same ``tokenizer.json``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from acp_agent.engine.folder import read_json
from acp_agent.engine.host.errors import ApiError

_SPECIAL_NAMES = ("bos_token", "eos_token", "pad_token", "unk_token")


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of the model in ``folder``; it neither cuts nor pads.

    Raises:
        ApiError: 400, there is none that can be read.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        message = "This model has no tokenizer.json; choose one in the current MLX format."
        raise ApiError(400, "no_tokenizer", message, param="model")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        # The library raises plain Exception for a file that is broken.
        message = "The model's tokenizer.json cannot be read; install the model again."
        raise ApiError(400, "no_tokenizer", message, param="model") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_special_tokens(folder: Path) -> dict[str, str]:
    """The special tokens that the model in ``folder`` names, as ``bos_token``, by name."""
    config = read_json(folder / "tokenizer_config.json")
    found: dict[str, str] = {}
    for name in _SPECIAL_NAMES:
        match config.get(name):
            case str(text) | {"content": str(text)}:
                found[name] = text
            case _:
                pass
    return found


def find_end_tokens(folder: Path, tokenizer: Tokenizer) -> frozenset[int]:
    """The tokens by which the model in ``folder`` ends an answer."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        found.update(_integers(read_json(folder / name).get("eos_token_id")))
    token = tokenizer.token_to_id(read_special_tokens(folder).get("eos_token", ""))
    if token is not None:
        found.add(token)
    return frozenset(found)


def find_vocabulary_size(folder: Path, tokenizer: Tokenizer) -> int:
    """How many tokens the model in ``folder`` has rows for; as many as the tokenizer has,
    where it does not say."""
    config: Mapping[str, Any] = read_json(folder / "config.json")
    sizes: list[Any] = [config.get("vocab_size")]
    match config.get("text_config"):
        case {"vocab_size": size}:
            sizes.append(size)
        case _:
            pass
    said = next((size for size in sizes if isinstance(size, int) and size > 0), None)
    return said or max(tokenizer.get_vocab().values(), default=-1) + 1


def _integers(value: Any) -> Iterator[int]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return (item for item in values if isinstance(item, int))
