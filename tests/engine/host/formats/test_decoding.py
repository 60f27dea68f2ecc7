"""Whole characters, and stop texts in any cut."""

import pytest
from tokenizers import Tokenizer

from acp_agent.engine.host.formats.decoding import StopTexts, StreamDecoder
from tests.harmony.vocabulary import make_small_tokenizer

WORDS = "naïve 東京 🍣 👩‍👩‍👧 \N{REPLACEMENT CHARACTER} end"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return make_small_tokenizer()


@pytest.fixture
def decoder(tokenizer: Tokenizer) -> StreamDecoder:
    return StreamDecoder(tokenizer.decode)


def test_text_comes_in_whole_characters(decoder: StreamDecoder, tokenizer: Tokenizer) -> None:
    parts = [decoder.add(token) for token in tokenizer.encode(WORDS).ids]
    assert "".join(parts) == WORDS
    assert "東" in parts
    assert parts.count("") >= 20


def test_half_a_character_at_the_end_stays_in(decoder: StreamDecoder, tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("a🍣").ids
    assert "".join(decoder.add(token) for token in tokens[:-1]) == "a"


def test_bytes_that_are_no_text_do_not_hold_up_the_rest(
    decoder: StreamDecoder, tokenizer: Tokenizer
) -> None:
    stray = tokenizer.encode("é").ids[1:] * 20
    tokens = [*stray, *tokenizer.encode("after").ids]
    assert "".join(decoder.add(token) for token in tokens).endswith("after")


def test_no_more_than_the_last_tokens_are_decoded_again() -> None:
    sizes: list[int] = []

    def decode(tokens: list[int]) -> str:
        sizes.append(len(tokens))
        return "a" * len(tokens)

    decoder = StreamDecoder(decode)
    assert "".join(map(decoder.add, range(1000))) == "a" * 1000
    assert max(sizes) == 2


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
        assert filtered.finish() == ""


def test_what_only_looked_like_a_stop_text_comes_at_the_end() -> None:
    stops = StopTexts(["stop"])
    assert stops.add("go sto") == ("go ", False)
    assert stops.finish() == "sto"
    assert stops.add("p") == ("p", False)
