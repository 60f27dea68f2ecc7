"""Choosing the next token of one answer.

Owns temperature, top-k, top-p and the random numbers. Does not own the model's step
(``model``).
"""

import math
from typing import Any

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos.library import load_torch


class Sampler:
    """Chooses tokens, on the CPU.

    Args:
        temperature: 0 always takes the likeliest token.
        top_k: how many tokens are candidates; 0 or more than there are means all.
        top_p: share of the probability that the candidates cover, above 0, at most 1.
        seed: None for another answer every time.
    """

    def __init__(self, temperature: float, top_k: int, top_p: float, seed: int | None) -> None:
        self._temperature = temperature
        self._top_k = top_k
        self._top_p = top_p
        self._random = load_torch().Generator()
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed)

    def __call__(self, logits: Any) -> int:
        """A token; ``logits`` are float32 of shape (V,), on the CPU.

        Raises:
            ApiError: 500, the model has computed no numbers.
        """
        torch = load_torch()
        best = int(logits.argmax())
        if not math.isfinite(float(logits[best])):
            message = (
                "The model computes no numbers: its weights are damaged, or it is deeper than it "
                "can be; try a smaller n_loops or another checkpoint."
            )
            raise ApiError(500, "model_failed", message, param="mythos")
        if self._temperature == 0:
            return best
        values, tokens = self._candidates(torch, logits / self._temperature)
        drawn = torch.multinomial(values.softmax(-1), 1, generator=self._random)
        return int(tokens[drawn])

    def _candidates(self, torch: Any, logits: Any) -> tuple[Any, Any]:
        """Values and tokens to draw from, the likeliest first."""
        count = min(self._top_k or len(logits), len(logits))
        values, tokens = torch.topk(logits, count)
        if self._top_p < 1:
            # Those before which the rest has not been covered yet; always the first.
            shares = values.softmax(-1)
            count = int((shares.cumsum(-1) - shares < self._top_p).sum())
        return values[:count], tokens[:count]
