"""Conversion of a GGUF file: the weights, the configuration and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

import mlx.core as mx

from acp_agent.engine.host import gguf
from acp_agent.engine.host.gguf_tokenizer import UnsupportedGguf
from tests.fixtures.gguf_file import TinyGguf, make_gguf


@pytest.fixture
def tiny() -> TinyGguf:
    return make_gguf()


def convert(tiny: TinyGguf, folder: Path, layout: gguf.Layout) -> Path:
    tiny.write(folder / "tiny.gguf")
    target = folder / layout
    gguf.convert(folder / "tiny.gguf", target, layout)
    return target


def load(folder: Path) -> dict[str, Any]:
    weights: Any = mx.load(str(folder / "model.safetensors"))
    return weights


def logits(folder: Path) -> Any:
    import mlx_lm.utils

    library: Any = mlx_lm.utils  # its annotations are incomplete
    model, _ = library.load_model(folder)
    return np.array(model(mx.array([[1, 40, 41, 42, 2]])).astype(mx.float32))


def test_dense_weights_are_the_original_ones(tiny: TinyGguf, tmp_path: Path) -> None:
    weights = load(convert(tiny, tmp_path, "float32"))
    assert weights.keys() == tiny.weights.keys()
    for name, expected in tiny.weights.items():
        assert weights[name].dtype == mx.float32
        # GGUF's scales are float16, and MLX multiplies with them as such.
        np.testing.assert_allclose(np.array(weights[name]), expected, atol=2e-3, err_msg=name)


def test_packed_weights_stay_packed(tiny: TinyGguf, tmp_path: Path) -> None:
    folder = convert(tiny, tmp_path, "4bit")
    weights = load(folder)
    config = json.loads((folder / "config.json").read_text())["quantization"]
    eight = config.pop("model.embed_tokens")
    assert config == {"group_size": 32, "mode": "affine", "bits": 4}
    assert eight == {"group_size": 32, "mode": "affine", "bits": 8}
    for name, expected in tiny.weights.items():
        path = name.removesuffix(".weight")
        if f"{path}.scales" not in weights:
            continue
        assert weights[name].dtype == mx.uint32
        assert weights[f"{path}.scales"].dtype == mx.float16
        values: Any = mx.dequantize(
            weights[name],
            weights[f"{path}.scales"],
            weights[f"{path}.biases"],
            group_size=32,
            bits=8 if "embed" in path else 4,
        )
        np.testing.assert_allclose(np.array(values), expected, atol=2e-3, err_msg=name)
    packed = {name for name in weights if name.endswith(".scales")}
    assert len(packed) == sum(1 for values in tiny.weights.values() if values.ndim == 2)


def test_all_layouts_give_the_same_model(tiny: TinyGguf, tmp_path: Path) -> None:
    layouts: list[gguf.Layout] = ["float32", "float16", "4bit"]
    dense, half, packed = (logits(convert(tiny, tmp_path, layout)) for layout in layouts)
    assert np.abs(dense).max() > 0.1
    np.testing.assert_allclose(half, dense, atol=0.05 * np.abs(dense).max())
    np.testing.assert_allclose(packed, dense, atol=0.05 * np.abs(dense).max())


def test_configuration(tiny: TinyGguf, tmp_path: Path) -> None:
    folder = convert(tiny, tmp_path, "float32")
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "llama"
    assert config["num_attention_heads"] == 4
    assert config["num_key_value_heads"] == 2
    assert config["rope_theta"] == 10000.0
    assert config["max_position_embeddings"] == 512
    assert config["vocab_size"] == len(tiny.tokens)
    assert config["tie_word_embeddings"] is True
    assert "quantization" not in config
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation == {"bos_token_id": 1, "eos_token_id": [2, 0]}


def test_a_cpu_gets_float32() -> None:
    if mx.default_device().type != mx.cpu:
        pytest.skip("the default device here is no CPU")
    assert gguf.default_layout() == "float32"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("general.architecture", "qwen2", "architecture"),
        ("tokenizer.ggml.pre", "llama-bpe", "gpt2/llama-bpe"),
        ("tokenizer.ggml.model", "llama", "llama/smollm"),
        ("llama.rope.dimension_count", 8, "rotary"),
        ("llama.rope.scaling.type", "yarn", "scaled"),
        ("llama.block_count", "two", "llama.block_count is not a whole number"),
    ],
)
def test_other_files_are_refused(
    tiny: TinyGguf, tmp_path: Path, key: str, value: str | int, reason: str
) -> None:
    tiny.metadata[key] = value
    with pytest.raises(UnsupportedGguf, match=reason):
        convert(tiny, tmp_path, "float32")


def test_missing_metadata_is_named(tiny: TinyGguf, tmp_path: Path) -> None:
    del tiny.metadata["llama.rope.freq_base"]
    with pytest.raises(UnsupportedGguf, match=r"llama\.rope\.freq_base is missing"):
        convert(tiny, tmp_path, "float32")


def test_unknown_tensor_is_refused(tiny: TinyGguf, tmp_path: Path) -> None:
    _, shape, kind, content = tiny.tensors.pop()
    tiny.tensors.append(("rope_freqs.weight", shape, kind, content))
    with pytest.raises(UnsupportedGguf, match="rope_freqs"):
        convert(tiny, tmp_path, "float32")


def test_command_line(
    tiny: TinyGguf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "tiny.gguf"
    tiny.write(source)
    monkeypatch.setattr(sys, "argv", ["gguf", str(source), str(tmp_path / "out")])
    assert gguf.main() == 0
    assert (tmp_path / "out" / "tokenizer.json").is_file()
    tiny.metadata["general.architecture"] = "qwen2"
    tiny.write(source)
    assert gguf.main() == 1
    assert "only the llama architecture" in capsys.readouterr().err
