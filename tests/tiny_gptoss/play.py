"""Plays the dialogues with a tiny gpt-oss through mlx_lm alone, without this project's engine.

Owns how well a model in a folder plays: ``python -m tests.tiny_gptoss.play FOLDER`` counts
the varied prompts in which every token is right. Does not own training.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import mlx.core as mx
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from tests.tiny_gptoss.samples import NAMES, Sample, SampleEncoder, clean_tokens
from tests.tiny_gptoss.tokenizer import ENDS, control_id
from tests.tiny_gptoss.variations import KINDS, Piece, Variations


class Player:
    """The model in ``folder``; ``seed`` decides on the prompts around the dialogues."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.model: Any = load_model(folder)[0]
        if mx.default_device().type == mx.DeviceType.cpu:
            self.model.set_dtype(mx.float32)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.encoder = SampleEncoder(self.tokenizer)
        self.variations = Variations(Random(seed), clean_tokens(self.tokenizer))
        self._ends = {control_id(self.tokenizer, text) for text in ENDS}

    def play(self, pieces: Sequence[Piece]) -> list[tuple[str, str]]:
        """What the model writes at temperature 0 where it is to, and what it should write.

        One cache serves the whole turn.
        """
        cache: Any = make_prompt_cache(self.model)
        turns: list[tuple[str, str]] = []
        pending: list[int] = []
        for piece in pieces:
            tokens = self.encoder.encode_piece(piece)
            if piece.written:
                written = self._generate(pending, cache, len(tokens) + 8)
                turns.append((self.text(written), piece.text))
                # The generator is a step ahead: what it gave out is in the cache.
                pending = []
            else:
                pending += tokens
        return turns

    def text(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``, markup included."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=False)

    def find_fault(self, sample: Sample) -> str | None:
        """Where the model goes astray at temperature 0, None where it writes ``sample``."""
        logits = self.model(mx.array([sample.tokens[:-1]]))[0]
        chosen: Any = mx.argmax(logits, axis=-1).tolist()
        for position in sample.learnt:
            if chosen[position] != sample.tokens[position + 1]:
                before = self.text(sample.tokens[max(0, position - 30) : position + 1])
                return f"{before!r} goes on with {self.text(chosen[position : position + 1])!r}"
        return None

    def _generate(self, prompt: list[int], cache: Any, limit: int) -> list[int]:
        written: list[int] = []
        steps = generate_step(
            mx.array(prompt), self.model, max_tokens=limit + 1, prompt_cache=cache
        )
        for token, _ in steps:
            written.append(int(token))
            if token in self._ends or len(written) == limit:
                break
        return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tiny_gptoss.play")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=10, help="prompts per dialogue")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--kind", choices=KINDS, help="what prompts hold; mixed if left out")
    options = parser.parse_args()
    player = Player(options.folder, options.seed)
    faults = 0
    for name in NAMES * options.rounds:
        sample = player.encoder.encode(player.variations.vary(name, options.kind))
        if fault := player.find_fault(sample):
            faults += 1
            print(f"{name} ({len(sample.tokens)} tokens): {fault}")
    total = len(NAMES) * options.rounds
    print(f"{total - faults} of {total} prompts exact")


if __name__ == "__main__":
    main()
