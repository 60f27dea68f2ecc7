"""Choosing the next token of one answer.

Owns temperature, top_p and the random numbers. These depend on the seed and the place in
the answer alone, so that a seeded answer is the same whatever else runs, and goes on
where it was when its sequence was taken out of a batch or computed anew. Does not own
the model's step (``steps``).
"""

import hashlib
import os
from typing import Any, Protocol


class Sampler(Protocol):
    """Chooses tokens; ``greedy`` ones always take the likeliest."""

    @property
    def greedy(self) -> bool:
        """Whether the choice is the likeliest token."""
        ...

    def __call__(self, logits: Any, place: int) -> Any:
        """The token at ``place`` of the answer, of shape (1,); ``logits`` are (1, V)."""
        ...


class GreedySampler:
    """Temperature 0."""

    greedy = True

    def __call__(self, logits: Any, place: int) -> Any:
        """The likeliest token."""
        import mlx.core as mx

        return mx.argmax(logits, axis=-1)


class RandomSampler:
    """Draws from the model's distribution.

    Args:
        temperature: above 0.
        top_p: share of the probability that the candidates cover, above 0, at most 1.
        seed: None for another answer every time.
    """

    greedy = False

    def __init__(self, temperature: float, top_p: float, seed: int | None) -> None:
        self._scale = 1 / temperature
        self._top_p = top_p
        self._seed = os.urandom(8) if seed is None else seed.to_bytes(8, "little")

    def __call__(self, logits: Any, place: int) -> Any:
        """A token drawn with the random number of ``place``."""
        import mlx.core as mx
        from mlx_lm.sample_utils import apply_top_p

        if self._top_p < 1:
            likely: Any = apply_top_p
            logits = likely(logits - mx.logsumexp(logits, axis=-1, keepdims=True), self._top_p)
        number = hashlib.blake2b(place.to_bytes(8, "little"), digest_size=8, key=self._seed)
        key = mx.random.key(int.from_bytes(number.digest(), "little"))
        return mx.random.categorical(logits * self._scale, key=key)


def make_sampler(temperature: float, top_p: float, seed: int | None) -> Sampler:
    """The sampler for these options of a request."""
    return RandomSampler(temperature, top_p, seed) if temperature > 0 else GreedySampler()
