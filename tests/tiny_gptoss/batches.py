"""Training samples as arrays.

Owns padding and masks. Does not own the samples, nor what is computed (``forward``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mlx.core as mx
import numpy as np

from tests.tiny_gptoss.samples import Sample

WINDOW = 128
"""Positions that the sliding layer sees, the own one included."""
BLOCK = 32
"""Positions that the sliding layer computes together; half a window."""

_BEGINNING, _BEGINNING_WEIGHT = 4, 4.0


@dataclass(slots=True, frozen=True)
class Batch:
    """B samples of up to L tokens (a multiple of ``BLOCK``) that write up to M tokens.

    ``tokens`` is (B, L); ``positions`` (B, M) those before a written token, ``rows`` (N,)
    which of the B*M are no padding, ``targets`` (N,) the written tokens and ``weights`` (N,)
    how much they count. ``near`` and ``past`` say what a query of the sliding and of the
    full layer may see: (B * L / BLOCK, 1, BLOCK, WINDOW + BLOCK) and (B, 1, M, L).
    """

    tokens: mx.array
    positions: mx.array
    rows: mx.array
    targets: mx.array
    weights: mx.array
    near: mx.array
    past: mx.array

    @property
    def cost(self) -> int:
        """About how much there is to compute."""
        return self.tokens.size


def make_batch(samples: Sequence[Sample]) -> Batch:
    """``samples`` as one batch."""
    learnt = [sample.learnt for sample in samples]
    longest = max(len(sample.tokens) for sample in samples) - 1
    blocks, most = -(-longest // BLOCK), max(map(len, learnt))
    tokens: Any = np.zeros((len(samples), blocks * BLOCK), np.int32)
    positions: Any = np.zeros((len(samples), most), np.int32)
    targets: list[int] = []
    for row, (sample, learns) in enumerate(zip(samples, learnt, strict=True)):
        tokens[row, : len(sample.tokens) - 1] = sample.tokens[:-1]
        positions[row, : len(learns)] = learns
        targets += [sample.tokens[position + 1] for position in learns]
    weights = [weight for each in learnt for weight in _weights(each)]
    rows = [row * most + column for row, each in enumerate(learnt) for column in range(len(each))]
    past = np.arange(blocks * BLOCK) <= positions[:, None, :, None]
    near: Any = np.tile(_near(blocks), (len(samples), 1, 1))[:, None]
    return Batch(*map(mx.array, (tokens, positions, rows, targets, weights, near, past)))


def _weights(learns: Sequence[int]) -> list[float]:
    """The weights of the tokens after ``learns``: more where the model begins to write.

    What it is about to say is decided there; the rest follows from that.
    """
    weights: list[float] = []
    run = 0
    for before, position in pairwise((-2, *learns)):
        run = run + 1 if position == before + 1 else 0
        weights.append(_BEGINNING_WEIGHT if run < _BEGINNING else 1.0)
    return weights


def _near(blocks: int) -> Any:
    """What each block's queries may see of the block itself and the window before it."""
    query = np.arange(BLOCK)[:, None] + WINDOW
    key = np.arange(WINDOW + BLOCK)
    start = WINDOW - BLOCK * np.arange(blocks)[:, None, None]
    return (key <= query) & (key > query - WINDOW) & (key >= start)
