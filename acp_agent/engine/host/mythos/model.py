"""A model in memory, and its step.

Owns calling the module as it has to be called: with the place of the first token, several
tokens into an empty cache only, one depth within a cache. Does not own whose turn it is
(``scheduler``) or what is kept (``caches``).
"""

from collections.abc import Sequence
from typing import Any, Protocol

from acp_agent.engine.host.mythos.devices import precision
from acp_agent.engine.host.mythos.library import load_torch
from acp_agent.engine.host.mythos.sampling import Sampler
from acp_agent.engine.host.mythos.spec import ModelSpec
from acp_agent.engine.host.mythos.vocabulary import Vocabulary
from acp_agent.engine.host.mythos.weights import count_at_once
from acp_agent.engine.host.requests import ChatRequest

Cache = dict[str, dict[str, Any]]
"""What a module keeps of the tokens it has seen, by layer and loop: tensors whose second
dimension is the tokens. Empty for none."""


class Vocabularied(Protocol):
    """The tokens of a model; ``vocabulary.Vocabulary`` is the real one."""

    @property
    def end_tokens(self) -> frozenset[int]: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


class Chooser(Protocol):
    """Chooses a token out of logits; ``sampling.Sampler`` is the real one."""

    def __call__(self, logits: Any) -> int: ...


class Model(Protocol):
    """A model in memory; ``MythosModel`` is the real one.

    ``at_once`` is the most tokens for an empty cache, ``rows`` the tokens it knows,
    ``nbytes`` its weights' size, ``default_loops`` its own depth, ``context_size`` its
    window and ``max_answer`` the most tokens of an answer.
    """

    @property
    def spec(self) -> ModelSpec: ...
    @property
    def vocabulary(self) -> Vocabularied: ...
    @property
    def rows(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def default_loops(self) -> int: ...
    @property
    def context_size(self) -> int: ...
    @property
    def max_answer(self) -> int: ...
    @property
    def at_once(self) -> int: ...
    def read(self, cache: Cache, tokens: Sequence[int], start: int, n_loops: int) -> Any: ...
    def make_sampler(self, request: ChatRequest) -> Chooser: ...


class MythosModel:
    """An OpenMythos module with its tokenizer. A ``Model``.

    Args:
        module: filled, on ``device``; its head is changed to compute the last token alone.
        config: the module's ``MythosConfig``.
        nbytes: the size of its tensors.
    """

    def __init__(
        self,
        spec: ModelSpec,
        module: Any,
        config: Any,
        vocabulary: Vocabulary,
        *,
        device: str,
        nbytes: int,
    ) -> None:
        self.spec = spec
        self.vocabulary = vocabulary
        self.rows = int(config.vocab_size)
        self.nbytes = nbytes
        self.default_loops = int(config.max_loop_iters)
        self.context_size = int(config.max_seq_len)
        self.max_answer = int(config.max_output_tokens)
        self.at_once = count_at_once(config)
        self._module = module
        self._device = device
        # A row of logits takes 800 kB with gpt-oss's tokenizer; only the last is of use.
        module.head.register_forward_pre_hook(_keep_last)

    def read(self, cache: Cache, tokens: Sequence[int], start: int, n_loops: int) -> Any:
        """Computes ``tokens``, which follow the ``start`` tokens in ``cache``, and adds them.

        Args:
            tokens: several only where the cache is empty; the module cannot read them else.
            n_loops: the depth, always the same for one cache.

        Returns:
            Logits of the token after them: float32 of shape (V,), on the CPU. Tokens that
            the tokenizer does not have are left out.
        """
        if start and len(tokens) != 1:
            raise ValueError("one token at a time goes into a cache that is not empty")
        torch = load_torch()
        with torch.inference_mode(), precision(self._device):
            ids = torch.tensor([tokens], device=self._device)
            logits = self._module(ids, n_loops=n_loops, kv_cache=cache, start_pos=start)
            known = min(self.rows, self.vocabulary.size)
            return logits[0, -1, :known].float().cpu()

    def make_sampler(self, request: ChatRequest) -> Chooser:
        """What chooses the tokens of the answer to ``request``."""
        return Sampler(request.temperature, request.top_k or 0, request.top_p, request.seed)


def _keep_last(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return (arguments[0][:, -1:],)


def shorten(cache: Cache, length: int) -> None:
    """Cuts ``cache`` down to its first ``length`` tokens."""
    for kept in cache.values():
        for name, tensor in kept.items():
            kept[name] = tensor[:, :length]


def measure_cache(cache: Cache) -> int:
    """Bytes of ``cache``."""
    return sum(tensor.nbytes for kept in cache.values() for tensor in kept.values())
