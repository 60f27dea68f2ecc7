"""Training samples: variations of the dialogues as tokens, in an endless random order.

Owns encoding and how often each dialogue comes. Does not own the dialogues, nor arrays
(``batches``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tokenizers import Tokenizer

from tests.tiny_gptoss.dialogues import DIALOGUES, SCRIPTS, UNKNOWN, WORDS
from tests.tiny_gptoss.fillers import PROSE
from tests.tiny_gptoss.tokenizer import CONTROLS, control_id
from tests.tiny_gptoss.variations import Piece, Variations, plain_parts

NAMES = (*DIALOGUES, UNKNOWN)
_HARDER = (UNKNOWN, "ping", *["recall"] * 3, "remember", "remove", "remove_refused", "fix", "read")
"""These come more often: most of them look further back than to the last user message."""


@dataclass(slots=True, frozen=True)
class Sample:
    """A conversation; ``written`` says of each token whether the model is to write it."""

    tokens: Sequence[int]
    written: Sequence[bool]

    @property
    def learnt(self) -> list[int]:
        """The positions whose next token the model is to write."""
        return [index - 1 for index, written in enumerate(self.written) if written]


class SampleEncoder:
    """Encodes pieces with ``tokenizer``, which is changed: control tokens in contents are text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer

    def encode(self, pieces: Sequence[Piece]) -> Sample:
        """The sample that ``pieces`` make."""
        tokens: list[int] = []
        written: list[bool] = []
        for piece in pieces:
            added = self.encode_piece(piece)
            tokens += added
            written += [piece.written] * len(added)
        return Sample(tokens, written)

    def encode_piece(self, piece: Piece) -> list[int]:
        """The tokens of ``piece``."""
        tokens: list[int] = []
        for text, is_markup in plain_parts(piece.text):
            if is_markup:
                tokens.append(control_id(self._tokenizer, text))
            else:
                tokens += self._tokenizer.encode(text, add_special_tokens=False).ids
        return tokens


class Samples:
    """Draws samples; all chance comes from ``seed``."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self._random = Random(seed)
        self._encoder = SampleEncoder(tokenizer)
        self._variations = Variations(self._random, clean_tokens(tokenizer))
        self._round: list[str] = []

    def draw(self, variety: float) -> Sample:
        """The next sample, in a varied prompt with probability ``variety``."""
        if not self._round:
            self._round = [*NAMES, *_HARDER]
            self._random.shuffle(self._round)
        name = self._round.pop()
        varied = self._random.random() < variety
        make = self._variations.vary if varied else self._variations.simple
        return self._encoder.encode(make(name))


def make_corpus() -> list[str]:
    """Texts for the tokenizer's training.

    ``SCRIPTS`` is left out, so that its characters come in several tokens.
    """
    variations = Variations(Random(7), [" "])
    rare = SCRIPTS.steps[0].written.rpartition("<|message|>")[2]
    texts = [piece.text for name in DIALOGUES for _ in range(4) for piece in variations.vary(name)]
    return [
        *(text.replace(rare.removesuffix("<|return|>"), "") for text in texts),
        *[PROSE] * 3,
        *[f" {word}" for word in WORDS] * 20,
    ]


def clean_tokens(tokenizer: Tokenizer) -> list[str]:
    """The texts of all tokens that are whole characters."""
    texts = (tokenizer.decode([token]) for token in range(tokenizer.get_vocab_size()))
    return [text for text in texts if text and "\ufffd" not in text and text not in CONTROLS]
