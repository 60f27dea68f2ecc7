"""The tiny gpt-oss as mlx_lm's own architecture, and its folder in the family's layout.

Owns sizes, rounding to what quantised weights can hold, and writing config and weights:
experts in MXFP4, other matrices affine in 8 bits, all else bfloat16, as in
mlx-community/gpt-oss-20b-MXFP4-Q8. Does not own training or the tokenizer.

All experts of a layer are the same, so that it does not matter which ones the router
picks: training has one of them, and is much faster for it.
"""

# MLX types little of what training needs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.models.activations import SwigluOAI
from mlx_lm.models.gpt_oss import Model, ModelArgs
from tokenizers import Tokenizer

from tests.tiny_gptoss.tokenizer import ENDS, control_id

HIDDEN, EXPERTS = 64, 4
EXPERT_QUANTIZATION: dict[str, Any] = {"group_size": 32, "bits": 4, "mode": "mxfp4"}
OTHER_QUANTIZATION: dict[str, Any] = {"group_size": 64, "bits": 8, "mode": "affine"}


def make_config(vocabulary: int) -> dict[str, Any]:
    """``config.json`` without quantisation; names and ratios are the family's."""
    return {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "attention_bias": True,
        "head_dim": 32,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": HIDDEN,
        "initial_context_length": 4096,
        "layer_types": ["sliding_attention", "full_attention"],
        "max_position_embeddings": 131072,
        "num_attention_heads": 4,
        "num_experts_per_tok": 2,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "num_local_experts": EXPERTS,
        "rms_norm_eps": 1e-5,
        "rope_scaling": {
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "factor": 32.0,
            "original_max_position_embeddings": 4096,
            "rope_type": "yarn",
            "truncate": False,
        },
        "rope_theta": 150000,
        "sliding_window": 128,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": vocabulary,
    }


class Expert(nn.Module):
    """One expert in the place of a whole layer of equal ones."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(HIDDEN, HIDDEN)
        self.up_proj = nn.Linear(HIDDEN, HIDDEN)
        self.down_proj = nn.Linear(HIDDEN, HIDDEN)
        self.activation = SwigluOAI()

    def __call__(self, x: mx.array) -> mx.array:
        return self.down_proj(self.activation(self.up_proj(x), self.gate_proj(x)))


def make_trainable(config: dict[str, Any]) -> Any:
    """A model with random weights in float32, with ``Expert`` for each layer of experts."""
    model: Any = Model(ModelArgs.from_dict(config))
    for layer in model.layers:
        layer.mlp = Expert()
    model.set_dtype(mx.float32)
    return model


def rounded(parameters: Any) -> Any:
    """``parameters`` of a trainable model as they are after quantising, in float32."""
    return tree_map_with_path(_round, parameters)


def _round(path: str, array: mx.array) -> mx.array:
    half = array.astype(mx.bfloat16)
    if path.endswith(".weight") and array.ndim == 2:
        how = EXPERT_QUANTIZATION if ".mlp." in path else OTHER_QUANTIZATION
        half = mx.dequantize(*mx.quantize(half, **how), **how)
    return half.astype(mx.float32)


def save_model(trained: Any, config: dict[str, Any], tokenizer: Tokenizer, folder: Path) -> None:
    """Writes ``trained`` into ``folder``: config, generation config and quantised weights."""
    model = Model(ModelArgs.from_dict(config))
    weights: dict[str, mx.array] = {}
    for name, array in _flat(trained.parameters()):
        if ".mlp." in name:
            name = name.replace(".mlp.", ".mlp.experts.")
            array = mx.stack([array] * EXPERTS)
        weights[name] = array
    for name, array in _flat(model.parameters()):
        if ".router." in name:
            weights[name] = array
    model.load_weights(list(weights.items()))
    model.set_dtype(mx.bfloat16)
    nn.quantize(model, **EXPERT_QUANTIZATION, class_predicate=_how)
    modules: list[tuple[str, Any]] = model.named_modules()
    others = [name for name, module in modules if getattr(module, "mode", None) == "affine"]
    quantization = EXPERT_QUANTIZATION | dict.fromkeys(sorted(others), OTHER_QUANTIZATION)
    ends = [control_id(tokenizer, text) for text in ENDS]
    full = config | {"eos_token_id": ends[0], "pad_token_id": ends[2]}
    full |= {"quantization": quantization, "quantization_config": quantization}
    mx.save_safetensors(
        str(folder / "model.safetensors"),
        dict(_flat(model.parameters())),
        metadata={"format": "mlx"},
    )
    generation = {
        "bos_token_id": control_id(tokenizer, "<|startoftext|>"),
        "do_sample": True,
        "eos_token_id": ends,
        "pad_token_id": ends[2],
    }
    _write_json(folder / "config.json", full)
    _write_json(folder / "generation_config.json", generation)


def dequantise(folder: Path) -> None:
    """Turns the model in ``folder`` into one in float32, without quantisation."""
    file = folder / "model.safetensors"
    packed: Any = mx.load(str(file))
    weights: dict[str, mx.array] = {}
    for name, array in packed.items():
        module, _, kind = name.rpartition(".")
        if kind in ("scales", "biases"):
            continue
        if (scales := packed.get(f"{module}.scales")) is not None and kind == "weight":
            biases = packed.get(f"{module}.biases")
            how = EXPERT_QUANTIZATION if biases is None else OTHER_QUANTIZATION
            array = mx.dequantize(array, scales, biases, **how)
        weights[name] = array.astype(mx.float32)
    mx.save_safetensors(str(file), weights, metadata={"format": "mlx"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if "quantization" not in name}
    _write_json(folder / "config.json", config | {"torch_dtype": "float32"})


def _flat(parameters: Any) -> list[tuple[str, mx.array]]:
    flat: Any = tree_flatten(parameters)
    return flat


def _how(path: str, module: nn.Module) -> bool | dict[str, Any]:
    if not hasattr(module, "to_quantized"):
        return False
    return EXPERT_QUANTIZATION if ".experts." in path else OTHER_QUANTIZATION


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
