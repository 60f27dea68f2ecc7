"""Tokens to text and back, whole characters, stop texts, chat templates."""

import json
from pathlib import Path

import pytest

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.template import ChatTemplate, load_template
from acp_agent.engine.host.tokenizer import ChatTokenizer, StopTexts, StreamDecoder

WORDS = "naïve 東京 🍣 👩‍👩‍👧 \N{REPLACEMENT CHARACTER} end"


@pytest.fixture(scope="session")
def tokenizer(tiny_models: Path) -> ChatTokenizer:
    return ChatTokenizer(tiny_models / "endless")


def encode(tokenizer: ChatTokenizer, text: str) -> list[int]:
    tokens = tokenizer.encode_chat([{"role": "user", "content": text}])
    overhead = tokenizer.encode_chat([{"role": "user", "content": ""}])
    return tokens[len(overhead) - 2 : -2]


def test_chat_is_encoded_by_the_template(tokenizer: ChatTokenizer) -> None:
    tokens = tokenizer.encode_chat([{"role": "user", "content": "hé"}])
    assert tokenizer.decode(tokens) == "user:hé"
    assert len(tokens) == len("<turn>" and "user:h") + 2 + 3


def test_text_comes_in_whole_characters(tokenizer: ChatTokenizer) -> None:
    decoder = StreamDecoder(tokenizer)
    parts = [decoder.add(token) for token in encode(tokenizer, WORDS)]
    assert "".join(parts) == WORDS
    assert "東" in parts
    assert parts.count("") >= 20


def test_half_a_character_at_the_end_stays_in(tokenizer: ChatTokenizer) -> None:
    decoder = StreamDecoder(tokenizer)
    assert "".join(decoder.add(token) for token in encode(tokenizer, "a🍣")[:-1]) == "a"


def test_bytes_that_are_no_text_do_not_hold_up_the_rest(tokenizer: ChatTokenizer) -> None:
    decoder = StreamDecoder(tokenizer)
    stray = encode(tokenizer, "é")[1:] * 20
    text = "".join(decoder.add(token) for token in [*stray, *encode(tokenizer, "after")])
    assert text.endswith("after")


@pytest.mark.parametrize("stops", [["stop"], ["op!", "stop!"], ["never", "stop"]])
def test_stop_text_is_found_in_any_cut(stops: list[str]) -> None:
    text = "go sto go stop! more"
    expected = text[: min(text.find(stop) for stop in stops if stop in text)]
    for size in range(1, len(text)):
        filtered = StopTexts(stops)
        out, met = "", False
        for start in range(0, len(text), size):
            part, met = filtered.add(text[start : start + size])
            out += part
            if met:
                break
        assert (out, met) == (expected, True)


def test_what_only_looked_like_a_stop_text_comes_at_the_end() -> None:
    stops = StopTexts(["stop"])
    assert stops.add("go sto") == ("go ", False)
    assert stops.finish() == "sto"


def write_model(folder: Path, **config: object) -> Path:
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_template_has_the_usual_helpers() -> None:
    template = ChatTemplate(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'skip' %}{% continue %}{% endif %}"
        "{{ m | tojson }}{% endfor %}{{ strftime_now('%Y') | length }}",
        {"bos_token": "<s>"},
    )
    assert template.render([{"role": "skip"}, {"role": "é"}]) == '<s>{"role": "é"}4'


def test_template_may_refuse() -> None:
    template = ChatTemplate("{{ raise_exception('Roles must alternate') }}", {})
    with pytest.raises(ApiError, match="Roles must alternate") as refused:
        template.render([])
    assert refused.value.status == 400


def test_template_is_kept_in_its_sandbox() -> None:
    template = ChatTemplate("{{ messages.__class__.__mro__[1].__subclasses__() }}", {})
    with pytest.raises(ApiError):
        template.render([])


def test_template_may_stand_in_the_configuration(tmp_path: Path) -> None:
    assert load_template(tmp_path, {"chat_template": "A"}).render([]) == "A"
    named = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]
    assert load_template(tmp_path, {"chat_template": named}).render([]) == "D"


def test_model_without_a_template_cannot_chat(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="instruct model"):
        load_template(tmp_path, {})


def test_ends_of_an_answer_are_read_from_all_files(tiny_models: Path, tmp_path: Path) -> None:
    source = tiny_models / "endless"
    for name in ("tokenizer.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    (tmp_path / "config.json").write_text('{"eos_token_id": 5}')
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [6, 7]}')
    write_model(tmp_path, eos_token={"content": "<|end|>"})
    ends = ChatTokenizer(tmp_path).end_tokens
    assert {5, 6, 7} < ends
    assert len(ends) == 4


def test_missing_tokenizer_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match=r"tokenizer\.json"):
        ChatTokenizer(tmp_path)
