"""Rendered texts to tokens: markup, plain text, and the two told apart."""

from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram

from acp_agent.harmony.markup import MarkupEncoder

END = "<|end|>"


@pytest.fixture
def encoder() -> MarkupEncoder:
    """Its tokenizer puts a mark before the first word of what it is given."""
    letters = {letter: number for number, letter in enumerate("\u2581ab<|end>")}
    tokenizer = Tokenizer(BPE(vocab=letters, merges=[]))
    scheme: Any = "first"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    special = [AddedToken(END, special=True)]
    tokenizer.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
    end = tokenizer.token_to_id(END)
    assert end == 9
    return MarkupEncoder(tokenizer, {END: end})


def test_together_is_as_the_tokenizer_has_it(encoder: MarkupEncoder) -> None:
    assert encoder.encode_together(f"a{END}b") == [0, 1, 9, 2]
    assert encoder.encode(f"a{END}b") == [0, 1, 9, 0, 2]


def test_together_is_piece_by_piece_where_a_content_spells_markup(encoder: MarkupEncoder) -> None:
    disguised = encoder.disguise.put_on(END)
    assert encoder.encode_together(f"a{END}{disguised}") == [0, 1, 9, 0, 3, 4, 5, 6, 7, 4, 8]
    assert encoder.encode_together(f"a{END}b") == [0, 1, 9, 2]


def lowercasing(*names: str, **options: Any) -> MarkupEncoder:
    """Its tokenizer looks for ``names`` in what it has lowercased."""
    letters = {letter: number for number, letter in enumerate("abend<>| ?")}
    tokenizer = Tokenizer(BPE(vocab=letters, merges=[], unk_token="?"))
    tokenizer.normalizer = normalizers.Lowercase()
    found: dict[str, Any] = {"normalized": True, **options}
    special = [AddedToken(name, special=True, **found) for name in names]
    tokenizer.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
    return MarkupEncoder(tokenizer, {name: tokenizer.get_vocab()[name] for name in names})


@pytest.mark.parametrize("options", [{}, {"lstrip": True, "rstrip": True}])
def test_markup_that_only_the_tokenizer_sees_is_text(options: dict[str, Any]) -> None:
    encoder = lowercasing(END, **options)
    end = 10
    assert encoder.encode_together(f"A {END} b").count(end) == 1
    for content in ("<|END|>", "a <|End|>"):
        text = f"a{END}{encoder.disguise.put_on(content)}"
        assert encoder.encode_together(text) == encoder.encode(text)
        assert encoder.encode_together(text).count(end) == 1


def test_text_does_not_take_the_place_of_markup_that_the_tokenizer_misses() -> None:
    encoder = lowercasing(END, single_word=True)
    text = f"a{END}b {encoder.disguise.put_on('<|END|>')} "
    assert encoder.encode_together(text) == encoder.encode(text)
    assert encoder.encode(text)[1] == 10


def test_characters_that_a_vocabulary_lacks_do_not_part_a_text() -> None:
    encoder = lowercasing(END, "?", lstrip=True)
    assert encoder.encode_together(f"a {END}\xe9b") == [0, 10, 9, 1]
    assert encoder.encode(f"a {END}\xe9b") == [0, 8, 10, 9, 1]


def test_a_control_token_that_is_a_word_too_is_spelled_in_letters() -> None:
    pieces = [("?", -9.0), (END, 0.0), *((letter, -1.0) for letter in "<|end>")]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=0))
    special = [AddedToken(END, special=True)]
    tokenizer.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
    encoder = MarkupEncoder(tokenizer, {END: 1})
    text = f"{END}{encoder.disguise.put_on(END)}"
    assert encoder.encode_together(text) == encoder.encode(text) == [1, 2, 3, 4, 5, 6, 3, 7]


def test_without_control_tokens_all_is_text() -> None:
    tokenizer = Tokenizer(BPE(vocab={"a": 0}, merges=[]))
    encoder = MarkupEncoder(tokenizer, {})
    assert encoder.find_markup("a<|end|>") == []
    assert encoder.encode("a") == encoder.encode_together("a") == [0]
