"""Our parser against OpenAI's own, on well-formed outputs in the family's vocabulary."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from acp_agent.harmony.events import (
    HarmonyEvent,
    TextDelta,
    ThoughtDelta,
    ToolCallFinished,
)
from acp_agent.harmony.parser import HarmonyParser
from acp_agent.harmony.prompt import PromptEncoder
from tests.harmony.stream import joined
from tests.harmony.vocabulary import ByteDecoder

if TYPE_CHECKING:
    from tests.harmony.oracle import Oracle, Parsed

Parse = Callable[[Sequence[int]], "list[Parsed]"]

CHARACTERS = st.one_of(st.sampled_from("ab {}<|>\n\0"), st.characters(codec="utf-8"))
TEXT = st.text(CHARACTERS, min_size=1).filter(lambda text: "<|" not in text)
NAMES = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
ARGUMENTS = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.lists(st.booleans())))


def _prose(channel: str) -> st.SearchStrategy[str]:
    return TEXT.map(lambda text: f"<|channel|>{channel}<|message|>{text}<|end|>")


def _call(name: str, arguments: object, header: str) -> str:
    text = json.dumps(arguments, ensure_ascii=False)
    return f"{header.format(recipient=f'to=functions.{name}')}<|message|>{text}<|call|>"


HEADERS = st.sampled_from(
    [
        "<|channel|>commentary {recipient} <|constrain|>json",
        "<|channel|>commentary {recipient}",
        " {recipient}<|channel|>commentary <|constrain|>json",
        " {recipient}<|channel|>commentary json",
        "<|channel|>analysis {recipient} code",
    ]
)
MESSAGES = st.lists(
    st.one_of(
        _prose("analysis"),
        _prose("commentary"),
        _prose("final"),
        st.builds(_call, NAMES, ARGUMENTS, HEADERS),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def parse(family_tokenizer: Tokenizer, family_encoder: PromptEncoder) -> Parse:
    """Reads an output with our parser."""

    def by_us(tokens: Sequence[int]) -> "list[Parsed]":
        parser = HarmonyParser(family_encoder.marks, lambda: ByteDecoder(family_tokenizer))
        events = [event for token in tokens for event in parser.feed(token)]
        found = map(_parsed, joined(events + parser.finish()))
        return [message for message in found if message is not None]

    return by_us


def _parsed(event: HarmonyEvent) -> "Parsed | None":
    match event:
        case ThoughtDelta(text):
            return ("analysis", None, text)
        case TextDelta(text, preamble):
            return ("commentary" if preamble else "final", None, text)
        case ToolCallFinished(name, arguments):
            return ("call", f"functions.{name}", arguments)
        case _:
            return None


@given(MESSAGES)
@settings(max_examples=60)
def test_well_formed_output_means_the_same(
    parse: Parse, oracle: "Oracle", messages: list[str]
) -> None:
    tokens = oracle.encode("<|start|>assistant".join(messages))
    expected = oracle.parse(tokens)
    assert len(expected) == len(messages)
    assert parse(tokens) == expected
