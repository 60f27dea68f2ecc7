"""A forward pass of the tiny gpt-oss that computes only what training needs.

Owns the arithmetic of a batch, which equals mlx_lm's own. The sliding layer attends block
by block instead of to all positions at once, and the full layer asks only at the
positions where the model writes; on a CPU that is several times as fast. Does not own the
weights (``architecture``).
"""

from typing import Any

import mlx.core as mx

from tests.tiny_gptoss.batches import BLOCK, WINDOW, Batch

Array = Any
"""An mlx array, whose methods its types describe in part only."""


def written_logits(model: Any, batch: Batch) -> Array:
    """The logits (N, vocabulary) at the positions where the model writes."""
    sliding, full = model.model.layers
    x = model.model.embed_tokens(batch.tokens)
    x = x + _sliding_attention(sliding.self_attn, sliding.input_layernorm(x), batch.near)
    x = x + sliding.mlp(sliding.post_attention_layernorm(x))
    asking = mx.take_along_axis(x, batch.positions[..., None], axis=1)
    normed, asking_normed = full.input_layernorm(x), full.input_layernorm(asking)
    x = asking + _full_attention(full.self_attn, normed, asking_normed, batch)
    x = x.reshape(-1, x.shape[-1])[batch.rows]
    x = x + full.mlp(full.post_attention_layernorm(x))
    return model.lm_head(model.model.norm(x))


def _sliding_attention(attention: Any, x: Array, near: Array) -> Array:
    queries = attention.rope(_queries(attention, x))
    keys, values = _keys_and_values(attention, x)
    attended = _attend(attention, _fold(_blocks(queries)), _windows(keys), _windows(values), near)
    size, length, _ = x.shape
    heads = attended.shape[1]
    unfolded = attended.reshape(size, length // BLOCK, heads, BLOCK, -1).swapaxes(2, 3)
    return attention.o_proj(unfolded.reshape(size, length, -1))


def _full_attention(attention: Any, x: Array, asking: Array, batch: Batch) -> Array:
    queries = _queries(attention, asking)
    size, heads, count, dimensions = queries.shape
    # Each query is a batch of its own to the rotation, which takes one position per batch.
    alone = queries.swapaxes(1, 2).reshape(size * count, heads, 1, dimensions)
    rotated = attention.rope(alone, offset=batch.positions.reshape(-1))  # pyright: ignore[reportUnknownMemberType]
    queries = rotated.reshape(size, count, heads, dimensions).swapaxes(1, 2)
    attended = _attend(attention, queries, *_keys_and_values(attention, x), batch.past)
    return attention.o_proj(attended.swapaxes(1, 2).reshape(size, count, -1))


def _queries(attention: Any, x: Array) -> Array:
    """(B, heads, L, head_dim), not rotated yet."""
    return _heads(attention.q_proj(x), attention.num_attention_heads)


def _keys_and_values(attention: Any, x: Array) -> tuple[Array, Array]:
    count = attention.num_key_value_heads
    keys = attention.rope(_heads(attention.k_proj(x), count))
    return keys, _heads(attention.v_proj(x), count)


def _heads(projected: Array, count: int) -> Array:
    return projected.reshape(*projected.shape[:2], count, -1).swapaxes(1, 2)


def _attend(attention: Any, queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    return mx.fast.scaled_dot_product_attention(
        queries, keys, values, scale=attention.sm_scale, mask=mask, sinks=attention.sinks
    )


def _blocks(x: Array) -> Array:
    """(B, heads, L, D) as (B, heads, blocks, BLOCK, D)."""
    return x.reshape(*x.shape[:2], -1, BLOCK, x.shape[3])


def _windows(x: Array) -> Array:
    """For each block the window before it and itself, folded."""
    blocks = _blocks(x)
    before = WINDOW // BLOCK
    padded = mx.pad(blocks, [(0, 0), (0, 0), (before, 0), (0, 0), (0, 0)])
    count = blocks.shape[2]
    shifted = [padded[:, :, start : start + count] for start in range(before + 1)]
    return _fold(mx.concatenate(shifted, axis=3))


def _fold(x: Array) -> Array:
    """(B, heads, blocks, length, D) as (B * blocks, heads, length, D)."""
    return x.swapaxes(1, 2).reshape(-1, x.shape[1], x.shape[3], x.shape[4])
