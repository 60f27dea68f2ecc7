"""The rebuilt tokenizer agrees with the file's vocabulary and keeps markup apart."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from acp_agent.engine.host.gguf_tokenizer import Metadata, build_tokenizer, write_tokenizer
from tests.fixtures.gguf_file import CONTROL, MISSING_BYTE, TEMPLATE, make_gguf

TEXTS = [
    "hello, hello world",
    "  two  spaces\n\n\tand a tab ",
    "1234567890 and 3.14",
    "naïve façade, 日本語, Ελληνικά",
    "👩‍💻🏳️‍🌈 emoji 🎉",
    "def f(x):\n    return x ** 2\n",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return build_tokenizer(Metadata(make_gguf().metadata))


def test_ids_are_the_files(tokenizer: Tokenizer) -> None:
    tokens = make_gguf().tokens
    assert tokenizer.get_vocab_size() == len(tokens)
    assert [tokenizer.id_to_token(i) for i in range(len(tokens))] == tokens


@pytest.mark.parametrize("text", TEXTS)
def test_roundtrip(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_merges_apply_in_order(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("hello hello").tokens == ["hell", "o", "Ġ", "hell", "o"]
    assert tokenizer.encode("a he").tokens == ["a", "Ġhe"]


def test_each_digit_stands_alone(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("12 x12").tokens == ["1", "2", "Ġ", "x", "1", "2"]


def test_markup_is_read_only_when_asked(tokenizer: Tokenizer) -> None:
    text = "a<|im_end|>b"
    assert tokenizer.encode(text).tokens == ["a", "<|im_end|>", "b"]
    tokenizer.encode_special_tokens = True
    try:
        ids = tokenizer.encode(text).ids
    finally:
        tokenizer.encode_special_tokens = False
    assert not set(ids) & set(range(len(CONTROL)))
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_a_byte_that_is_lacking_never_becomes_markup(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(f"a{chr(MISSING_BYTE)}b").tokens == ["a", "b"]


def test_files(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, Metadata(make_gguf().metadata))
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (config["bos_token"], config["eos_token"]) == ("<|im_start|>", "<|im_end|>")
    assert config["model_max_length"] == 512
    assert (tmp_path / "chat_template.jinja").read_text() == TEMPLATE
    saved = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert saved.encode("hello<|im_end|>").ids[-1] == 2
