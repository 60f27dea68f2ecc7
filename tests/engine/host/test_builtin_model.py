"""The real built-in model, converted from the real file: it answers and it spells."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from tokenizers import Tokenizer

from acp_agent.models.catalogue import BUILTIN_MODEL
from acp_agent.models.store import ModelStore
from tests.fixtures.builtin_model import builtin_model, builtin_model_home

TEXTS = [
    "The quick brown fox.",
    "1234567890 and 3.14",
    "naïve 日本語 Ελληνικά\r\n\ttab",
    "👩‍💻🏳️‍🌈🎉",
]


@pytest.fixture(scope="module")
def model_folder() -> Path:
    return builtin_model().path


def test_is_installed_and_whole(model_folder: Path) -> None:
    store = ModelStore(builtin_model_home() / "models")
    found = store.find(BUILTIN_MODEL)
    assert found is not None
    assert found.context_size == 8192
    assert store.verify(BUILTIN_MODEL) == []


@pytest.mark.parametrize("text", TEXTS)
def test_tokenizer_roundtrip(model_folder: Path, text: str) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_known_ids(model_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 49152
    assert tokenizer.encode("<|im_start|><|im_end|>").ids == [1, 2]
    assert tokenizer.encode("42").tokens == ["4", "2"]
    ends = json.loads((model_folder / "generation_config.json").read_text())["eos_token_id"]
    assert ends == [2, 0]


def test_capital_of_france(model_folder: Path) -> None:
    import mlx_lm

    library: Any = mlx_lm  # its annotations are incomplete
    model, tokenizer = library.load(str(model_folder))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
    )
    answer = library.generate(model, tokenizer, prompt, max_tokens=20)
    assert answer == "The capital of France is Paris."
