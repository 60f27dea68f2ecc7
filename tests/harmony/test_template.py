"""Loading a model's tokenizer and template, and what a bad one leads to."""

import json
from datetime import date
from pathlib import Path

import pytest

from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from acp_agent.harmony.prompt import PromptEncoder, load_prompt_encoder
from acp_agent.harmony.template import ChatTemplate
from tests.harmony.conftest import TEMPLATE
from tests.harmony.vocabulary import make_small_tokenizer


def encode(encoder: PromptEncoder) -> list[int]:
    """A prompt's tokens."""
    return encoder.encode(
        [UserMessage("<|end|>")], today=date(2026, 2, 3), instructions="Be brief."
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ raise_exception('no ' + messages[1].content) }}", "refuses this conversation: no "),
        ("{{ nothing.at.all }}", "refuses this conversation: 'nothing' is undefined"),
        ("{{ messages[1].content.__class__.__mro__ }}", "refuses this conversation: "),
        ("{{ 'a' + 1 }}", "cannot render this conversation"),
    ],
)
def test_a_template_that_refuses_is_an_error(source: str, message: str) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        encode(PromptEncoder(make_small_tokenizer(), ChatTemplate(source)))
    caught.value.message.encode()


def write_model(folder: Path, **files: str) -> Path:
    make_small_tokenizer().save(str(folder / "tokenizer.json"))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_a_model_is_loaded_from_its_folder(encoder: PromptEncoder, tmp_path: Path) -> None:
    expected = encode(encoder)
    source = TEMPLATE.read_text(encoding="utf-8")
    write_model(tmp_path, chat_template__jinja=source)
    assert encode(load_prompt_encoder(tmp_path)) == expected
    (tmp_path / "chat_template.jinja").unlink()
    for value in (
        source,
        [{"name": "tool_use", "template": ""}, {"name": "default", "template": source}],
    ):
        write_model(tmp_path, tokenizer_config__json=json.dumps({"chat_template": value}))
        assert encode(load_prompt_encoder(tmp_path)) == expected


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer__json": "{"}, "tokenizer.json cannot be read; install"),
        ({}, "has no chat template"),
        ({"tokenizer_config__json": "{}"}, "has no chat template"),
        ({"tokenizer_config__json": "["}, "tokenizer_config.json is no JSON"),
        ({"tokenizer_config__json": "[]"}, "has no chat template"),
        ({"chat_template__jinja": "{% if %}"}, r"template is broken \(line 1\)"),
    ],
)
def test_a_broken_model_is_an_error(files: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=message):
        load_prompt_encoder(write_model(tmp_path, **files))
