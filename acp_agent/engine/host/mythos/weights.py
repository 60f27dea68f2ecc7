"""A model's tensors: how much they take, and filling them one by one.

Owns the module's skeleton, which has no memory yet, and random weights, which are the same
on every device. Does not own reading a file (``checkpoint``).
"""

import zlib
from collections.abc import Generator
from typing import Any

from acp_agent.engine.host.memory.needs import MARGIN, MARGIN_SHARE, Needs
from acp_agent.engine.host.mythos.checkpoint import EMBEDDING, HEAD, TABLES, State
from acp_agent.engine.host.mythos.library import load_open_mythos, load_torch

SEED = 20260
"""Random weights are the same in every run."""
READ_MEMORY = 2 * 2**30
"""Bytes that reading a prompt at once may take."""

_DEVIATION = 0.02
"""As ``open_mythos`` draws its weights."""
_CONSTANTS = {
    "norm.weight": 1.0,
    "log_A": 0.0,
    "log_dt": 0.0,
    "injection.B": 0.1,
    "router_bias": 0.0,
    "halt.bias": 0.0,
}
"""First values of the tensors whose names end so; all others are random."""


def make_skeleton(config: Any) -> Any:
    """A module of ``config`` whose tensors have shapes and no values."""
    with load_torch().device("meta"):
        return load_open_mythos().OpenMythos(config).eval()


def measure(skeleton: Any, config: Any) -> Needs:
    """What the model takes in memory, in bytes: tensors in float32, and room to work in."""
    tensors = [*skeleton.parameters(), *skeleton.buffers()]  # the head is counted once
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    length = count_at_once(config)
    work = length * length * _bytes_per_pair(config)
    return Needs(weights, weights + MARGIN + int(weights * MARGIN_SHARE) + work, None)


def count_at_once(config: Any) -> int:
    """The most tokens that an empty cache is to be filled with at once.

    Attention takes memory for each pair of them.
    """
    return min(int(config.max_seq_len), int((READ_MEMORY / _bytes_per_pair(config)) ** 0.5))


def _bytes_per_pair(config: Any) -> int:
    """Three intermediate results of every head, and the mask, in float32."""
    return 4 * (3 * int(config.n_heads) + 1)


def fill(
    skeleton: Any, config: Any, state: State | None, device: str
) -> Generator[tuple[int, int], None, None]:
    """Gives ``skeleton`` its values on ``device``: those of ``state``, or random ones.

    Yields:
        Bytes filled and all bytes.
    """
    torch = load_torch()
    shapes = {name: each for name, each in skeleton.state_dict().items() if name != HEAD}
    total = sum(tensor.numel() * tensor.element_size() for tensor in shapes.values())
    done = 0
    for name, shape in shapes.items():
        values = None if state is None else state.get(name)
        if name in TABLES and (values is None or not values.is_complex()):
            values = _positions(config, name)
        elif values is None:
            values = _first_values(torch, name, shape)
        # A copy in any case: what is mapped from a file goes with the file.
        filled = torch.empty(shape.shape, dtype=shape.dtype, device=device).copy_(values)
        _set(torch, skeleton, name, filled)
        done += shape.numel() * shape.element_size()
        yield done, total
    skeleton.head.weight = skeleton.get_parameter(EMBEDDING)


def _set(torch: Any, module: Any, name: str, tensor: Any) -> None:
    owner, _, leaf = name.rpartition(".")
    holder = module.get_submodule(owner)
    is_buffer = leaf in dict(holder.named_buffers(recurse=False))
    value = tensor if is_buffer else torch.nn.Parameter(tensor, requires_grad=False)
    setattr(holder, leaf, value)


def _first_values(torch: Any, name: str, shape: Any) -> Any:
    constant = next((value for end, value in _CONSTANTS.items() if name.endswith(end)), None)
    if constant is not None:
        return torch.full(shape.shape, constant)
    generator = torch.Generator().manual_seed(SEED + zlib.crc32(name.encode()))
    return torch.empty(shape.shape).normal_(0.0, _DEVIATION, generator=generator)


def _positions(config: Any, name: str) -> Any:
    width = config.qk_rope_head_dim if name == TABLES[1] else config.dim // config.n_heads
    package = load_open_mythos()
    return package.precompute_rope_freqs(width, config.max_seq_len, config.rope_theta)
