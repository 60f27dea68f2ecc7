"""Which format a model's files lead to, and what is said of files that lead to none."""

import json
from pathlib import Path

import pytest

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.formats import load_format
from acp_agent.engine.host.formats.harmony import HarmonyFormat
from acp_agent.engine.host.formats.plain import PlainFormat
from tests.engine.host.formats.folders import VOCABULARY_SIZE, write_chat_model, write_gpt_oss
from tests.engine.host.formats.talk import FINAL, THOUGHT, Talk, tokens_of


def test_the_model_type_says_harmony(tmp_path: Path) -> None:
    format = load_format(write_gpt_oss(tmp_path))
    assert isinstance(format, HarmonyFormat)
    assert format.vocabulary_size == VOCABULARY_SIZE


def test_the_tokenizer_says_harmony(tmp_path: Path) -> None:
    write_gpt_oss(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert isinstance(load_format(tmp_path), HarmonyFormat)


def test_any_other_model_is_plain(tmp_path: Path) -> None:
    assert isinstance(load_format(write_chat_model(tmp_path)), PlainFormat)


def test_a_gpt_oss_without_its_marks_is_refused(tmp_path: Path) -> None:
    write_chat_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt_oss"}')
    with pytest.raises(ApiError, match="does not speak Harmony") as refused:
        load_format(tmp_path)
    assert (refused.value.status, refused.value.param) == (400, "model")


@pytest.mark.parametrize("write", [write_gpt_oss, write_chat_model])
def test_a_model_without_a_template_cannot_chat(write: object, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ApiError, match="instruct model") as refused:
        load_format(tmp_path)
    assert (refused.value.status, refused.value.code) == (400, "no_chat_template")


def test_the_template_may_stand_in_the_configuration(tmp_path: Path) -> None:
    write_chat_model(tmp_path)
    source = (tmp_path / "chat_template.jinja").read_text()
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": source}))
    assert isinstance(load_format(tmp_path), PlainFormat)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_tokenizer_that_cannot_be_read_is_explained(content: str | None, tmp_path: Path) -> None:
    write_chat_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ApiError, match=r"tokenizer\.json") as refused:
        load_format(tmp_path)
    assert refused.value.code == "no_tokenizer"


def test_the_end_of_a_message_is_not_the_end_of_an_answer(tmp_path: Path) -> None:
    """Whatever the configuration says."""
    write_gpt_oss(tmp_path)
    ends = [token for mark in ("<|end|>", "<|endoftext|>") for token in tokens_of(mark)]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    talk = Talk(load_format(tmp_path))
    talk.say("Hello")
    assert talk.answer(THOUGHT + FINAL).text == "Done."
    talk.say("More")
    assert talk.answer(FINAL.replace("<|return|>", "<|endoftext|>")).reason == "stop"
