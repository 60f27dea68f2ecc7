"""Whether weights are whole in themselves."""

import json
import struct
from pathlib import Path

import pytest

from acp_agent.models.structure import explain_broken, read_context_size
from tests.fixtures.hub_files import safetensors

WHOLE = safetensors({"a": b"12", "b": b"345"})


def make(folder: Path, weights: bytes = WHOLE, index: object = None) -> Path:
    (folder / "config.json").write_text('{"max_position_embeddings": 64}')
    (folder / "model.safetensors").write_bytes(weights)
    if index is not None:
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def with_header(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_whole_model(tmp_path: Path) -> None:
    weights = {"a": "model.safetensors", "b": "model.safetensors"}
    assert explain_broken(make(tmp_path, index={"weight_map": weights})) is None
    assert read_context_size(tmp_path) == 64


def test_model_without_tensors_is_whole(tmp_path: Path) -> None:
    assert explain_broken(make(tmp_path, with_header({}))) is None


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"1234567",
        WHOLE[:-1],
        WHOLE + b"x",
        struct.pack("<Q", 2**63) + WHOLE[8:],
        struct.pack("<Q", 5) + b'{"a":' + b"[" * 100,
        with_header([]),
        with_header({"a": {"dtype": "U8"}}),
        with_header({"a": {"data_offsets": ["0", 1]}}, b"x"),
        with_header({"a": {"data_offsets": [1, 2]}}, b"xx"),
        with_header({"a": {"data_offsets": [0, 2]}, "b": {"data_offsets": [1, 2]}}, b"xx"),
        with_header({"a": {"data_offsets": [0, -1]}}),
    ],
)
def test_broken_weights(tmp_path: Path, weights: bytes) -> None:
    found = explain_broken(make(tmp_path, weights))
    assert found == "model.safetensors is no whole safetensors file"


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "lists no weights"),
        ([], "lists no weights"),
        ({"weight_map": {"a": "model-2.safetensors"}}, "names a file that is missing"),
        ({"weight_map": {"a": 3}}, "names a file that is missing"),
        ({"weight_map": {"c": "model.safetensors"}}, "lacks a tensor"),
    ],
)
def test_index_that_does_not_fit(tmp_path: Path, index: object, message: str) -> None:
    assert message in (explain_broken(make(tmp_path, index=index)) or "")


def test_missing_parts(tmp_path: Path) -> None:
    assert explain_broken(tmp_path) == "config.json is missing or says nothing"
    (tmp_path / "config.json").write_text("{}")
    assert explain_broken(tmp_path) == "config.json is missing or says nothing"
    make(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "adapter.safetensors")
    assert explain_broken(tmp_path) == "there are no weights (model*.safetensors)"


@pytest.mark.parametrize("config", ["{}", "[]", "{", '{"max_position_embeddings": "many"}'])
def test_context_that_is_not_stated(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    assert read_context_size(tmp_path) is None
