"""What a model takes, from the headers of its files, against what loading it takes."""

import json
from pathlib import Path

from acp_agent.engine.host.memory.needs import MARGIN, read_needs
from acp_agent.engine.host.models import load_weights


def loaded_bytes(folder: Path) -> int:
    [*_, (_, total)] = load_weights(folder)
    return total


def write_weights(file: Path, **tensors: tuple[str, int]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    start = 0
    for name, (dtype, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [size], "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(start))


def test_the_estimate_is_what_loading_takes(tiny_models: Path) -> None:
    for name in ("endless", "half"):
        folder = tiny_models / name
        assert read_needs(folder, widened=True).weights == loaded_bytes(folder)


def test_only_half_precision_is_widened(tmp_path: Path) -> None:
    write_weights(tmp_path / "model-00001-of-00002.safetensors", a=("BF16", 10), b=("U32", 100))
    write_weights(tmp_path / "model-00002-of-00002.safetensors", c=("F16", 1), d=("F32", 1000))
    write_weights(tmp_path / "other.safetensors", e=("F32", 5000))
    assert read_needs(tmp_path, widened=True).weights == 2 * 11 + 1100
    assert read_needs(tmp_path, widened=False).weights == 1111


def test_the_margin_grows_with_the_weights(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", a=("F32", 1600))
    needs = read_needs(tmp_path, widened=True)
    assert needs.total == 1600 + MARGIN + 100


def test_a_damaged_file_counts_with_its_size(tmp_path: Path) -> None:
    for number, content in enumerate([b"", b"\xff" * 50, b"\x02" + bytes(7) + b"[]"]):
        (tmp_path / f"model{number}.safetensors").write_bytes(content)
    (tmp_path / "model3.safetensors").write_bytes(b"\x0a" + bytes(7) + b'{"a": {}} ')
    assert read_needs(tmp_path, widened=True).weights == 50 + 10 + 18


def test_the_makers_minimum_comes_from_the_manifest(tmp_path: Path) -> None:
    assert read_needs(tmp_path, widened=True).minimum is None
    (tmp_path / "manifest.json").write_text('{"minimum_memory": 17179869184}')
    assert read_needs(tmp_path, widened=True).minimum == 2**34
    (tmp_path / "manifest.json").write_text('{"minimum_memory": "much"}')
    assert read_needs(tmp_path, widened=True).minimum is None
