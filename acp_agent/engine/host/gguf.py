"""Conversion of a llama-architecture GGUF file into an MLX model folder.

Owns weights and configuration; the tokenizer is made by ``gguf_tokenizer``. Does not own
where the file comes from. Runs as a process of its own,
``python -m acp_agent.engine.host.gguf IN OUT``, so that its memory is given back.

GGUF's names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import mlx.core as mx

from acp_agent.engine.host.gguf_tokenizer import Metadata, UnsupportedGguf, write_tokenizer

Layout = Literal["4bit", "float16", "float32"]
Weights = dict[str, mx.array]

GROUP_SIZE: Final = 32
"""Weights that share a scale in GGUF's Q4 and Q8 blocks, and in MLX after loading them."""

_OUTER: Final = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_INNER: Final = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def default_layout() -> Layout:
    """How weights are best stored for this machine.

    On a CPU dense float32 is the fastest (float16 is about 30 times slower there, 4 bits
    with float32 scales a quarter slower); on Metal the file's own 4 bits stay.
    """
    if mx.default_device().type == mx.cpu:
        return "float32"
    return "4bit" if mx.metal.is_available() else "float16"


def convert(source: Path, target: Path, layout: Layout) -> None:
    """Writes the model of the GGUF file ``source`` into the new folder ``target``.

    Raises:
        UnsupportedGguf: another architecture, tokenizer or tensor than is known here.
        OSError: reading or writing failed.
    """
    arrays, metadata = _load(source)
    if metadata.text("general.architecture") != "llama":
        raise UnsupportedGguf("only the llama architecture can be converted")
    weights = _unpermute({_rename(name): array for name, array in arrays.items()}, metadata)
    del arrays
    config = _config(metadata, tied="lm_head.weight" not in weights)
    if layout == "4bit":
        config["quantization"] = _quantization(weights)
    else:
        _dequantise(weights)
    _cast(weights, mx.float32 if layout == "float32" else mx.float16)
    target.mkdir(parents=True)
    mx.save_safetensors(  # pyright: ignore[reportUnknownMemberType]: its stub has no result
        target / "model.safetensors", weights, metadata={"format": "mlx"}
    )
    _write_json(target / "config.json", config)
    _write_json(target / "generation_config.json", _generation_config(metadata))
    write_tokenizer(target, metadata)


def _load(source: Path) -> tuple[Weights, Metadata]:
    loaded = mx.load(str(source), format="gguf", return_metadata=True)
    if not isinstance(loaded, tuple):
        raise UnsupportedGguf("the file holds no metadata")
    weights, values = loaded
    plain: dict[str, object] = {}
    for key, value in values.items():
        plain[key] = value.tolist() if isinstance(value, mx.array) else value
    return weights, Metadata(plain)


def _rename(name: str) -> str:
    """GGUF's tensor name in mlx_lm's terms: ``blk.0.attn_q.weight`` and the like."""
    path, _, leaf = name.rpartition(".")
    outer = _OUTER.get(path)
    if outer is not None:
        return f"{outer}.{leaf}"
    prefix, _, rest = path.partition(".")
    index, _, inner = rest.partition(".")
    if prefix != "blk" or inner not in _INNER:
        raise UnsupportedGguf(f"the tensor {name!r} is not known")
    return f"model.layers.{index}.{_INNER[inner]}.{leaf}"


def _unpermute(weights: Weights, metadata: Metadata) -> Weights:
    """Undoes llama.cpp's row order of q and k, which interleaves the rotary halves.

    Rows only, so packed weights, scales and biases are treated alike.
    """
    heads = {
        "q_proj": metadata.integer("llama.attention.head_count"),
        "k_proj": metadata.integer("llama.attention.head_count_kv"),
    }

    def restore(name: str, array: mx.array) -> mx.array:
        count = heads.get(name.split(".")[-2])
        if count is None:
            return array
        half = array.shape[0] // count // 2
        rows = mx.reshape(array, (count, half, 2, *array.shape[1:]))
        return mx.reshape(mx.swapaxes(rows, 1, 2), array.shape)

    return {name: restore(name, array) for name, array in weights.items()}


def _quantised_paths(weights: Mapping[str, mx.array]) -> list[str]:
    return [name.removesuffix(".scales") for name in weights if name.endswith(".scales")]


def _bits(weights: Mapping[str, mx.array], path: str) -> int:
    """Bits of a packed weight: 32-bit words a row over scales a row."""
    words, scales = weights[f"{path}.weight"].shape[-1], weights[f"{path}.scales"].shape[-1]
    return words * 32 // (scales * GROUP_SIZE)


def _quantization(weights: Mapping[str, mx.array]) -> dict[str, object]:
    """mlx_lm's ``quantization`` entry; layers that are not 4 bits are named."""
    common = {"group_size": GROUP_SIZE, "mode": "affine"}
    bits = {path: _bits(weights, path) for path in _quantised_paths(weights)}
    others = {path: {**common, "bits": count} for path, count in bits.items() if count != 4}
    return {**common, "bits": 4, **others}


def _dequantise(weights: Weights) -> None:
    for path in _quantised_paths(weights):
        bits = _bits(weights, path)
        scales, biases = weights.pop(f"{path}.scales"), weights.pop(f"{path}.biases")
        packed = weights[f"{path}.weight"]
        weights[f"{path}.weight"] = mx.dequantize(
            packed, scales, biases, group_size=GROUP_SIZE, bits=bits
        )


def _cast(weights: Weights, dtype: mx.Dtype) -> None:
    for name, array in weights.items():
        if mx.issubdtype(array.dtype, mx.floating):
            weights[name] = array.astype(dtype)


def _config(metadata: Metadata, *, tied: bool) -> dict[str, object]:
    width = metadata.integer("llama.embedding_length")
    heads = metadata.integer("llama.attention.head_count")
    if metadata.integer("llama.rope.dimension_count") * heads != width:
        raise UnsupportedGguf("the rotary embedding covers only a part of each head")
    if metadata.has("llama.rope.scaling.type"):
        raise UnsupportedGguf("scaled rotary embeddings are not known")
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": width,
        "num_hidden_layers": metadata.integer("llama.block_count"),
        "intermediate_size": metadata.integer("llama.feed_forward_length"),
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.integer("llama.attention.head_count_kv"),
        "rms_norm_eps": metadata.number("llama.attention.layer_norm_rms_epsilon"),
        "vocab_size": len(metadata.texts("tokenizer.ggml.tokens")),
        "rope_theta": metadata.number("llama.rope.freq_base"),
        "max_position_embeddings": metadata.integer("llama.context_length"),
        "tie_word_embeddings": tied,
        "bos_token_id": metadata.integer("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.integer("tokenizer.ggml.eos_token_id"),
    }


def _generation_config(metadata: Metadata) -> dict[str, object]:
    """Where an answer ends: at the chat's end token, or where a text ended in training."""
    eos = metadata.integer("tokenizer.ggml.eos_token_id")
    tokens = metadata.texts("tokenizer.ggml.tokens")
    ends = [eos, *(i for i, token in enumerate(tokens) if token == "<|endoftext|>" and i != eos)]
    return {"bos_token_id": metadata.integer("tokenizer.ggml.bos_token_id"), "eos_token_id": ends}


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """The command line; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m acp_agent.engine.host.gguf")
    parser.add_argument("source", type=Path, help="GGUF file")
    parser.add_argument("target", type=Path, help="folder to create")
    arguments = parser.parse_args()
    try:
        convert(arguments.source, arguments.target, default_layout())
    except UnsupportedGguf as error:
        print(f"This GGUF file cannot be converted: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
